import pytest

from fission.base import errors
from fission.cluster.kubelet import __main__ as start
from fission.cluster.kubelet import usage
from fission.cluster.kubelet.hostsockets import selects, target_name
from fission.cluster.kubelet.sandbox import probe


def test_a_weaker_mode_may_be_asked_for_and_a_stronger_one_is_refused():
    full, none = probe.Isolation("full", landlock_abi=7), probe.Isolation("none")

    assert start.restricted(full, None) is full
    assert start.restricted(full, "full") is full
    assert start.restricted(full, "none").mode == "none"
    assert start.restricted(full, "landlock").failed_step == "mode 'landlock' was asked for"
    with pytest.raises(errors.SettingsError, match="'full' is not to be had on this machine"):
        start.restricted(none, "full")
    with pytest.raises(errors.SettingsError, match="found 'more', allowed are none, landlock"):
        start.restricted(full, "more")


def a_service(kind="LoadBalancer", **port):
    ports = [{"name": "http", "port": 80, **port}]
    return {"spec": {"type": kind, "selector": {"app": "r"}, "ports": ports}}


def test_a_service_selects_by_labels_and_only_as_a_load_balancer():
    pod = {"metadata": {"labels": {"app": "r", "more": "x"}}}

    assert selects(a_service(), pod)
    assert not selects(a_service("ClusterIP"), pod)
    assert not selects(a_service(), {"metadata": {}})


@pytest.mark.parametrize("target", ["web", 8888, "8888"])
def test_a_target_port_is_found_by_name_or_number(target):
    assert target_name(a_service(targetPort=target), "http", {8888: "web", 1: "x"}) == "web"


def test_a_port_that_nobody_serves_has_no_target():
    assert target_name(a_service(targetPort="nope"), "http", {8888: "web"}) is None
    assert target_name(a_service(), "other", {80: "web"}) is None
    assert target_name(a_service(), "http", {80: "web"}) == "web"


def test_only_containers_above_their_own_limit_are_over():
    samples = {"a": usage.Sample(10, 0), "b": usage.Sample(10, 0), "c": usage.Sample(99, 0)}

    assert usage.over_limit(samples, {"a": 9, "b": 10}) == ["a"]
