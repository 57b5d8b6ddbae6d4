"""What is made of triggers that want to be shown outside, and what cannot be made."""

import pytest

from fission.api import httptrigger_types, objects
from fission.router import exposure
from tests.support import routing


def trigger(name: str = "t", namespace: str = "default", **spec) -> httptrigger_types.HTTPTrigger:
    wire = routing.a_trigger(name, "f", **{"relativeurl": "/a", **spec})
    wire["metadata"]["namespace"] = namespace
    return objects.decode(httptrigger_types.HTTPTrigger, wire)


def rule(**spec) -> tuple[str, str]:
    """Host and path of the one rule."""
    (wire,) = exposure.STANDARD.plan([trigger(**spec)])["ingresses"]
    (one,) = wire["spec"]["rules"]
    return one.get("host", ""), one["http"]["paths"][0]["path"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"createingress": True}, ("", "/a")),
        ({"createingress": True, "prefix": "/p", "host": "h.example"}, ("h.example", "/p")),
        (
            {"createingress": True, "ingressconfig": {"host": "*", "path": "/x"}},
            ("", "/x"),
        ),
        # of an ingressconfig both count, or neither
        ({"createingress": True, "ingressconfig": {"host": "x.example"}}, ("", "/a")),
        ({"routeConfig": {"provider": "ingress", "hostnames": ["r.example"]}}, ("r.example", "/a")),
        (
            {
                "createingress": True,
                "ingressconfig": {"host": "x.example", "path": "/x"},
                "routeConfig": {"provider": "ingress", "path": "/r"},
            },
            ("", "/r"),
        ),
    ],
)
def test_host_and_path_come_from_where_they_are_said(spec, expected):
    assert rule(**spec) == expected


def test_the_oldest_of_a_name_has_it():
    wanted = [
        trigger("t", "b", createingress=True, created="2026-01-01T00:00:00Z"),
        trigger("t", "a", createingress=True, created="2026-01-02T00:00:00Z"),
        trigger("quiet", "a"),
    ]
    made = exposure.STANDARD.plan(wanted)["ingresses"]
    assert [
        (each["metadata"]["name"], each["metadata"]["labels"]["triggerNamespace"]) for each in made
    ] == [("t", "b"), ("t-a", "a")]


def test_a_name_made_for_one_takes_nobody_elses():
    wanted = [
        trigger("t", "b", createingress=True, created="2026-01-01T00:00:00Z"),
        trigger("t-a", "c", createingress=True, created="2026-01-02T00:00:00Z"),
        trigger("t", "a", createingress=True, created="2026-01-03T00:00:00Z"),
    ]
    made = exposure.STANDARD.plan(wanted)["ingresses"]
    assert [each["metadata"]["name"] for each in made] == ["t", "t-a", "t-a-uid-t"]


def test_the_digest_tells_what_was_taken_out():
    before = exposure.STANDARD.plan(
        [trigger(createingress=True, ingressconfig={"annotations": {"k": "v"}})]
    )["ingresses"][0]
    after = exposure.STANDARD.plan([trigger(createingress=True)])["ingresses"][0]
    assert exposure.differs(after, before)
    served = {
        "metadata": {
            **before["metadata"],
            "annotations": {**before["metadata"]["annotations"], "theirs": "too"},
        },
        "spec": {**before["spec"], "ingressClassName": "nginx"},
    }
    assert not exposure.differs(before, served)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"createingress": True, "ingressconfig": {"host": "A_b"}}, "ingressconfig.host"),
        ({"createingress": True, "ingressconfig": {"path": "x"}}, "ingressconfig.path"),
        ({"routeConfig": {"provider": "other"}}, "routeConfig.provider"),
        ({"routeConfig": {"provider": "ingress", "hostnames": ["-"]}}, "routeConfig.hostnames"),
        ({"routeConfig": {"provider": "ingress", "path": "x"}}, "routeConfig.path"),
        ({"routeConfig": {"provider": "gateway"}}, "gateway.parentRefs"),
        ({"routeConfig": {"provider": "gateway", "tls": "s"}}, "routeConfig.tls"),
    ],
)
def test_what_cannot_be_made_names_the_field(spec, field):
    with pytest.raises(exposure.ExposureError, match=field):
        exposure.STANDARD.check(trigger(**spec).spec)


def test_a_default_gateway_serves_those_that_name_none():
    parent = exposure.parse_parent("infra/public")
    exposed = exposure.Exposure(default_parent=parent)
    wanted = trigger(routeConfig={"provider": "gateway"})
    exposed.check(wanted.spec)
    (made,) = exposed.plan([wanted])["httproutes"]
    assert made["spec"]["parentRefs"] == [{"name": "public", "namespace": "infra"}]
    assert exposure.parse_parent("") is None
