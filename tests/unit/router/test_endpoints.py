"""EndpointSlices become the pods of the very function that they belong to."""

import math
from typing import Any

import pytest

from fission.router import endpoints, slots
from tests.support import routing


def an_index() -> endpoints.EndpointIndex:
    return endpoints.EndpointIndex(slots.Bounds(), lambda: 0.0)


def slots_of(
    index: endpoints.EndpointIndex, uid: str, generation: int, executor_type: str = "poolmgr"
) -> slots.Slots:
    limit = 1.0 if executor_type == "poolmgr" else math.inf
    return index.slots_of(uid, generation, executor_type, limit, 1.0)


def ready(found: slots.Slots) -> list[slots.Address]:
    return sorted(endpoint.address for endpoint in found.ready)


def test_slices_before_and_after_the_function_are_seen():
    index = an_index()
    index.changed(None, routing.a_slice("a", [("127.0.0.1", 8888)]))
    found = slots_of(index, "uid-hello", 1)
    assert ready(found) == [("127.0.0.1", 8888)]
    second = routing.a_slice("b", [("127.0.0.2", 9999)])
    index.changed(None, second)
    assert ready(found) == [("127.0.0.1", 8888), ("127.0.0.2", 9999)]
    index.changed(second, None)
    assert ready(found) == [("127.0.0.1", 8888)]
    assert slots_of(index, "uid-hello", 1) is found


def test_another_generation_or_function_gets_none():
    index = an_index()
    index.changed(None, routing.a_slice("a", [("127.0.0.1", 1)], generation=1))
    assert ready(slots_of(index, "uid-hello", 2)) == []
    assert ready(slots_of(index, "uid-other", 1)) == []
    without = routing.a_slice("a", [("127.0.0.1", 1)])
    del without["metadata"]["labels"]["fission.io/function-generation"]
    index.changed(None, without)
    assert ready(slots_of(index, "uid-hello", 2)) == [("127.0.0.1", 1)]


def test_only_ready_endpoints_count():
    index = an_index()
    wire = routing.a_slice("a", [("127.0.0.1", 1), ("127.0.0.2", 1), ("127.0.0.3", 1)])
    wire["endpoints"][0]["conditions"] = {"ready": False}
    wire["endpoints"][1]["conditions"] = {"ready": True, "terminating": True}
    index.changed(None, wire)
    assert ready(slots_of(index, "uid-hello", 1)) == [("127.0.0.3", 1)]


def test_the_port_is_the_one_of_the_runtime():
    index = an_index()
    wire = routing.a_slice("a", [("127.0.0.1", 1)])
    wire["ports"] = [{"name": "http-fetcher", "port": 8000}, {"name": "http-env", "port": 41000}]
    index.changed(None, wire)
    assert ready(slots_of(index, "uid-hello", 1)) == [("127.0.0.1", 41000)]
    wire = {**wire, "ports": [{"port": 7}]}
    index.changed(None, wire)
    assert ready(slots_of(index, "uid-hello", 1)) == [("127.0.0.1", 7)]
    index.changed(None, {**wire, "ports": []})
    assert ready(slots_of(index, "uid-hello", 1)) == []


def a_service_slice(
    name: str, addresses: list[slots.Address], executor_type: str = "newdeploy"
) -> dict[str, Any]:
    wire = routing.a_slice(name, addresses)
    tags = wire["metadata"]["labels"]
    tags |= {"executorType": executor_type, "kubernetes.io/service-name": f"{executor_type}-f"}
    del tags["fission.io/function-generation"]
    return wire


def test_pods_behind_a_service_count_whatever_the_generation():
    index = an_index()
    wire = a_service_slice("a", [("127.0.0.1", 80)])
    index.changed(None, wire)
    found = slots_of(index, "uid-hello", 1, "newdeploy")
    assert ready(found) == [("127.0.0.1", 80)]
    assert slots_of(index, "uid-hello", 2, "newdeploy") is found
    assert ready(slots_of(index, "uid-hello", 2)) == []
    assert ready(slots_of(index, "uid-hello", 2, "container")) == []
    assert index.of_service("default", "newdeploy-f") == [("127.0.0.1", 80)]
    assert index.of_service("other", "newdeploy-f") == []
    index.changed(wire, None)
    assert ready(found) == []


@pytest.mark.parametrize(
    ("old", "new"), [("poolmgr", "newdeploy"), ("newdeploy", "poolmgr"), ("container", "newdeploy")]
)
@pytest.mark.parametrize("restarted", [False, True])
def test_pods_of_the_executor_type_before_serve_until_there_are_others(
    old: str, new: str, restarted: bool
):
    index = an_index()
    at_old, at_new = [("127.0.0.1", 1)], [("127.0.0.2", 1)]
    pooled = routing.a_slice("a", at_old)
    index.changed(None, pooled if old == "poolmgr" else a_service_slice("a", at_old, old))
    if not restarted:
        before = slots_of(index, "uid-hello", 1, old)
    now = slots_of(index, "uid-hello", 2, new)
    assert ready(now) == []
    assert now.previous is not None
    assert ready(now.previous) == at_old
    assert restarted or now.previous is before
    assert now.previous.limit == (1.0 if old == "poolmgr" else math.inf)
    index.keep_only([now], {"uid-hello"})
    assert now.previous in index.of_function("uid-hello")
    wire = routing.a_slice("b", at_new, generation=2)
    index.changed(None, wire if new == "poolmgr" else a_service_slice("b", at_new, new))
    assert ready(now) == at_new
    assert now.previous is None
    index.keep_only([now], {"uid-hello"})
    assert index.of_function("uid-hello") == [now]


def test_what_runs_on_former_pods_is_known_until_it_ends():
    index = an_index()
    index.changed(None, routing.a_slice("a", [("127.0.0.1", 1)]))
    first = slots_of(index, "uid-hello", 1)
    running = first.try_acquire(0.0)
    assert running is not None
    index.changed(routing.a_slice("a", [("127.0.0.1", 1)]), None)
    assert list(first.in_use) == [running]
    second = slots_of(index, "uid-hello", 2)
    index.keep_only([second], {"uid-hello"})
    assert index.of_function("uid-hello") == [first, second]
    first.release(running, 1.0, 1.0)
    index.keep_only([second], {"uid-hello"})
    assert index.of_function("uid-hello") == [second]
    index.keep_only([], set())
    assert index.of_function("uid-hello") == []


def test_functions_that_are_gone_are_forgotten():
    index = an_index()
    first = slots_of(index, "uid-hello", 1)
    second = slots_of(index, "uid-hello", 2)
    index.keep_only([first], {"uid-hello"})
    assert slots_of(index, "uid-hello", 1) is first
    assert slots_of(index, "uid-hello", 2) is not second


def test_an_executor_type_that_comes_back_has_the_pods_of_the_one_between_meanwhile():
    index = an_index()
    first = slots_of(index, "uid-hello", 1, "newdeploy")
    pooled = routing.a_slice("a", [("127.0.0.1", 1)], generation=2)
    index.changed(None, pooled)
    between = slots_of(index, "uid-hello", 2)
    assert slots_of(index, "uid-hello", 3, "newdeploy") is first
    assert first.previous is between


def test_an_address_that_refuses_is_out_for_those_whose_slices_show_it():
    index = an_index()
    shared = ("127.0.0.1", 1)
    first = routing.a_slice("a", [shared, ("127.0.0.2", 1)])
    index.changed(None, first)
    index.changed(None, routing.a_slice("b", [shared], function="other"))
    mine, others = slots_of(index, "uid-hello", 1), slots_of(index, "uid-other", 1)
    index.refused(("127.9.9.9", 1), 0.0)
    index.refused(shared, 0.0)
    assert ready(mine) == [("127.0.0.2", 1)]
    assert ready(others) == []
    index.changed(first, None)
    index.refused(("127.0.0.2", 1), 0.0)
    assert not index._by_address.keys() - {shared}
