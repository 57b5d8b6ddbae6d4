"""Small rules of objects: conditions, quantities, names, ports, Status bodies, watch lines."""

import datetime

import pytest

from fission.meta import (
    codec,
    conditions,
    gvk,
    labels,
    names,
    objectmeta,
    podports,
    quantity,
    status,
    watch,
)

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
LATER = NOW + datetime.timedelta(seconds=5)


def test_paths_of_resources():
    assert gvk.PODS.path("default", "a", "log") == "/api/v1/namespaces/default/pods/a/log"
    assert gvk.DEPLOYMENTS.path() == "/apis/apps/v1/deployments"
    assert gvk.CLUSTERROLES.path(None, "system:x").endswith("/clusterroles/system:x")
    assert gvk.split_api_version("apps/v1") == ("apps", "v1")
    assert gvk.split_api_version("v1") == ("", "v1")


def test_a_conditions_time_moves_only_with_its_status():
    found = []
    assert conditions.set_condition(found, "Ready", "False", "A", "m", NOW)
    assert conditions.set_condition(found, "Ready", "False", "B", "m", LATER)
    assert found[0]["lastTransitionTime"] == "2026-01-01T00:00:00Z"
    assert conditions.set_condition(found, "Ready", "True", "B", "m", LATER)
    assert found[0]["lastTransitionTime"] == "2026-01-01T00:00:05Z"
    assert not conditions.set_condition(found, "Ready", "True", "B", "m", LATER)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0.5", "500m"),
        ("1024Mi", "1Gi"),
        ("1000m", "1"),
        ("64Mi", "64Mi"),
        ("100", "100"),
        ("1500Mi", "1500Mi"),
        ("0", "0"),
        ("1000", "1k"),
        ("2Gi", "2Gi"),
    ],
)
def test_canonical_quantities(text, canonical):
    assert quantity.canonical(text) == canonical


def test_quantities_are_exact_and_bad_ones_refused():
    assert quantity.millis("1164227n") == 2
    assert quantity.whole("16360Ki") == 16360 * 1024
    for bad in ("abc", "", "1 Gi", "1mi"):
        with pytest.raises(ValueError, match="quantities must match"):
            quantity.parse(bad)


def test_generated_names_use_the_alphabet():
    name = names.generate("x" * 80)
    assert len(name) == 63
    assert not names.subdomain_problems(name)
    assert names.subdomain_problems("Bad_Name!")
    assert names.label_1035_problems("1bad")
    assert not labels.key_problems("app.kubernetes.io/name")
    assert labels.key_problems("a/b/c")


def test_ports_are_resolved_through_the_annotation():
    pod = {
        "metadata": {"annotations": {podports.PORT_MAP_ANNOTATION: '{"8888": 41234}'}},
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8888}]}]},
    }
    assert podports.resolve_port(pod, "http") == 41234
    assert podports.resolve_port(pod, 8000) == 8000
    with pytest.raises(podports.UnknownPort):
        podports.resolve_port(pod, "grpc")


def test_a_status_survives_the_wire():
    error = status.invalid("apps", "Deployment", "x", [status.required("spec.a")])
    back = status.from_dict(error.to_dict(), 422)
    assert type(back) is status.Invalid
    assert back.message == 'Deployment.apps "x" is invalid: spec.a: Required value'
    assert back.causes[0].field == "spec.a"
    assert type(status.from_dict(b"404 page not found", 404)) is status.NotFound
    assert type(status.from_dict({"kind": "Status", "reason": "Gone"}, 410)) is status.Expired


def test_watch_lines_may_arrive_in_any_pieces():
    events = [
        watch.WatchEvent("ADDED", {"metadata": {"resourceVersion": "5"}}),
        watch.WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": "6"}}),
    ]
    stream = b"".join(watch.encode_line(event) for event in events)
    lines = watch.Lines()
    assert [e for byte in stream for e in lines.feed(bytes([byte]))] == events
    cursor = watch.Cursor("1")
    for event in events:
        cursor.observe(event)
    assert cursor.resource_version == "6"
    with pytest.raises(status.Expired):
        cursor.observe(watch.WatchEvent("ERROR", status.Expired("too old").to_dict()))


def test_structs_travel_in_camel_case():
    owner = objectmeta.OwnerReference(api_version="v1", kind="Pod", name="a", uid="u")
    meta = objectmeta.ObjectMeta(name="x", owner_references=[owner])
    wire = codec.encode(meta)
    assert wire == {
        "name": "x",
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "u"}],
    }
    assert codec.decode(objectmeta.ObjectMeta, wire) == meta
    with pytest.raises(codec.DecodeError, match=r"\$\.name"):
        codec.decode(objectmeta.ObjectMeta, {"name": 1})
