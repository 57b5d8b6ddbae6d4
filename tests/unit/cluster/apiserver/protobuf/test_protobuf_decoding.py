"""Protobuf bodies as kubectl writes them, built field by field."""

import hypothesis
import pytest
from hypothesis import strategies

from fission.cluster.apiserver.protobuf import decoding, messages, wire
from fission.meta import status


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def put(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    return decoding.MAGIC + put(1, put(1, api_version) + put(2, kind)) + put(2, raw)


def test_a_namespace_loses_the_zero_values_that_go_always_writes() -> None:
    metadata = put(1, "dev") + put(2, "") + put(6, "") + put(7, 0) + put(8, b"")
    body = envelope("v1", "Namespace", put(1, metadata) + put(2, b"") + put(3, put(1, "")))

    assert decoding.decode(body) == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "dev"},
        "spec": {},
        "status": {},
    }


def test_maps_bytes_and_a_false_behind_a_pointer() -> None:
    entries = put(2, put(1, "a") + put(2, b"\x00x")) + put(2, put(1, "empty"))
    body = envelope("v1", "Secret", put(1, put(1, "s")) + entries + put(3, "Opaque") + put(5, 0))

    assert decoding.decode(body) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"a": "AHg=", "empty": ""},
        "type": "Opaque",
        "immutable": False,
    }


def test_a_deployment_of_zero_replicas_with_ports_probes_and_volumes() -> None:
    probe = put(1, put(2, put(1, "/healthz") + put(2, put(1, 1) + put(3, "http")))) + put(2, 0)
    limits = put(1, put(1, "memory") + put(2, put(1, "64Mi")))
    container = (
        put(1, "c")
        + put(2, "python-env")
        + put(6, put(3, 8888) + put(4, "TCP"))
        + put(8, limits)
        + put(10, probe)
    )
    volumes = put(1, put(1, "scratch") + put(2, put(2, b"")))
    template = put(1, put(11, put(1, "app") + put(2, "x"))) + put(2, volumes + put(2, container))
    spec = put(1, 0) + put(2, put(1, put(1, "app") + put(2, "x"))) + put(3, template) + put(5, 0)
    body = envelope("apps/v1", "Deployment", put(1, put(1, "x")) + put(2, spec))

    assert decoding.decode(body)["spec"] == {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "x"}},
        "template": {
            "metadata": {"labels": {"app": "x"}},
            "spec": {
                "volumes": [{"name": "scratch", "emptyDir": {}}],
                "containers": [
                    {
                        "name": "c",
                        "image": "python-env",
                        "ports": [{"containerPort": 8888, "protocol": "TCP"}],
                        "resources": {"limits": {"memory": "64Mi"}},
                        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
                    }
                ],
            },
        },
    }


def test_times_have_seconds_or_microseconds() -> None:
    spec = put(1, "me") + put(2, 15) + put(4, put(1, 1) + put(2, 5000))
    body = envelope("coordination.k8s.io/v1", "Lease", put(1, put(8, put(1, 1))) + put(2, spec))

    lease = decoding.decode(body)

    assert lease["metadata"]["creationTimestamp"] == "1970-01-01T00:00:01Z"
    assert lease["spec"] == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 15,
        "renewTime": "1970-01-01T00:00:01.000005Z",
    }


def test_delete_options_carry_the_version_of_their_target() -> None:
    body = envelope("apps/v1", "DeleteOptions", put(1, 0) + put(4, "Foreground"))

    assert decoding.decode(body) == {
        "apiVersion": "apps/v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Foreground",
    }


def test_a_review_keeps_its_attributes_and_extra_values() -> None:
    spec = put(1, put(1, "ns") + put(2, "get") + put(5, "pods")) + put(3, "jane")
    spec += put(5, put(1, "scopes") + put(2, put(1, "a") + put(1, "b")))
    body = envelope("authorization.k8s.io/v1", "SubjectAccessReview", put(2, spec))

    assert decoding.decode(body)["spec"] == {
        "resourceAttributes": {"namespace": "ns", "verb": "get", "resource": "pods"},
        "user": "jane",
        "extra": {"scopes": ["a", "b"]},
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "the protobuf body does not start with the k8s envelope"),
        (
            envelope("v1", "Gadget", b""),
            'no kind "Gadget" is registered for version "v1" in protobuf bodies',
        ),
        (
            envelope("v1", "Namespace", b"\x0a\x05ab"),
            "proto: cannot decode the body: unexpected EOF",
        ),
        (
            envelope("v1", "Namespace", b"\x0b"),
            "proto: cannot decode the body: illegal wire type 3",
        ),
        (
            envelope("v1", "Namespace", put(1, 7)),
            "proto: cannot decode the body: number where a length-delimited value was expected",
        ),
    ],
)
def test_a_broken_body_is_refused_by_name(body: bytes, message: str) -> None:
    with pytest.raises(status.BadRequest) as caught:
        decoding.decode(body)
    assert caught.value.message == message


def test_negative_numbers_are_twos_complement() -> None:
    assert wire.signed((1 << 64) - 1) == -1
    assert wire.signed(5) == 5


def test_every_message_that_a_kind_reaches_is_in_the_tables() -> None:
    queue = [*decoding.KINDS.values(), *decoding.OPTIONS.values()]
    seen = set()
    while queue:
        name = queue.pop()
        if name in seen or name in decoding.SPECIAL or name in "sibyd":
            continue
        seen.add(name)
        queue += [field.type for field in messages.fields_of(name).values()]
    assert len(seen) > 100


@hypothesis.given(
    kind=strategies.sampled_from(sorted(decoding.KINDS)), raw=strategies.binary(max_size=200)
)
def test_any_bytes_are_an_object_or_a_bad_request(kind: tuple[str, str], raw: bytes) -> None:
    try:
        decoded = decoding.decode(envelope(*kind, raw))
    except status.BadRequest:
        return
    assert (decoded["apiVersion"], decoded["kind"]) == kind
