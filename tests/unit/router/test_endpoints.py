"""EndpointSlices become the pods of the very function that they belong to."""

from fission.router import endpoints, slots
from tests.support import routing


def an_index() -> endpoints.EndpointIndex:
    return endpoints.EndpointIndex(slots.Bounds(), lambda: 0.0)


def ready(found: slots.Slots) -> list[slots.Address]:
    return sorted(endpoint.address for endpoint in found.ready)


def test_slices_before_and_after_the_function_are_seen():
    index = an_index()
    index.changed(None, routing.a_slice("a", [("127.0.0.1", 8888)]))
    found = index.slots_of("uid-hello", 1, 1)
    assert ready(found) == [("127.0.0.1", 8888)]
    second = routing.a_slice("b", [("127.0.0.2", 9999)])
    index.changed(None, second)
    assert ready(found) == [("127.0.0.1", 8888), ("127.0.0.2", 9999)]
    index.changed(second, None)
    assert ready(found) == [("127.0.0.1", 8888)]
    assert index.slots_of("uid-hello", 1, 1) is found


def test_another_generation_or_function_gets_none():
    index = an_index()
    index.changed(None, routing.a_slice("a", [("127.0.0.1", 1)], generation=1))
    assert ready(index.slots_of("uid-hello", 2, 1)) == []
    assert ready(index.slots_of("uid-other", 1, 1)) == []
    without = routing.a_slice("a", [("127.0.0.1", 1)])
    del without["metadata"]["labels"]["fission.io/function-generation"]
    index.changed(None, without)
    assert ready(index.slots_of("uid-hello", 2, 1)) == [("127.0.0.1", 1)]


def test_only_ready_endpoints_count():
    index = an_index()
    wire = routing.a_slice("a", [("127.0.0.1", 1), ("127.0.0.2", 1), ("127.0.0.3", 1)])
    wire["endpoints"][0]["conditions"] = {"ready": False}
    wire["endpoints"][1]["conditions"] = {"ready": True, "terminating": True}
    index.changed(None, wire)
    assert ready(index.slots_of("uid-hello", 1, 1)) == [("127.0.0.3", 1)]


def test_the_port_is_the_one_of_the_runtime():
    index = an_index()
    wire = routing.a_slice("a", [("127.0.0.1", 1)])
    wire["ports"] = [{"name": "http-fetcher", "port": 8000}, {"name": "http-env", "port": 41000}]
    index.changed(None, wire)
    assert ready(index.slots_of("uid-hello", 1, 1)) == [("127.0.0.1", 41000)]
    wire = {**wire, "ports": [{"port": 7}]}
    index.changed(None, wire)
    assert ready(index.slots_of("uid-hello", 1, 1)) == [("127.0.0.1", 7)]
    index.changed(None, {**wire, "ports": []})
    assert ready(index.slots_of("uid-hello", 1, 1)) == []


def test_pods_behind_a_service_are_not_called_past_it():
    index = an_index()
    wire = routing.a_slice("a", [("127.0.0.1", 80)])
    wire["metadata"]["labels"]["executorType"] = "newdeploy"
    wire["metadata"]["labels"]["kubernetes.io/service-name"] = "newdeploy-f"
    index.changed(None, wire)
    assert ready(index.slots_of("uid-hello", 1, 1)) == []
    assert index.of_service("default", "newdeploy-f") == [("127.0.0.1", 80)]
    assert index.of_service("other", "newdeploy-f") == []


def test_functions_that_are_gone_are_forgotten():
    index = an_index()
    first = index.slots_of("uid-hello", 1, 1)
    second = index.slots_of("uid-hello", 2, 1)
    index.keep_only({("uid-hello", 1)})
    assert index.slots_of("uid-hello", 1, 1) is first
    assert index.slots_of("uid-hello", 2, 1) is not second
