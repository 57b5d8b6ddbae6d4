from fission.kube import events, peers


def a_slice(*addresses, port=8888, name="http", ready=True):
    conditions = {} if ready is None else {"ready": ready}
    return {
        "metadata": {
            "name": "router-x",
            "namespace": "fission",
            "labels": {"kubernetes.io/service-name": "router"},
        },
        "endpoints": [{"addresses": [one], "conditions": conditions} for one in addresses],
        "ports": [{"name": name, "port": port, "protocol": "TCP"}],
    }


def test_ready_endpoints_become_urls_with_their_own_ports():
    slices = [a_slice("127.1.0.2", "127.1.0.1"), a_slice("127.1.0.3", port=41234)]
    assert peers.urls(slices, "http") == [
        "http://127.1.0.1:8888",
        "http://127.1.0.2:8888",
        "http://127.1.0.3:41234",
    ]


def test_unready_endpoints_and_other_ports_are_left_out():
    assert peers.urls([a_slice("127.1.0.1", ready=False)], "http") == []
    assert peers.urls([a_slice("127.1.0.1")], "metrics") == []
    assert peers.urls([a_slice("127.1.0.1", ready=None)], "http") == ["http://127.1.0.1:8888"]
    assert peers.urls([{"endpoints": None, "ports": None}], "http") == []


def test_ipv6_addresses_stand_in_brackets():
    assert peers.urls([a_slice("fd00::1")], "http") == ["http://[fd00::1]:8888"]


def test_slices_are_indexed_by_their_service():
    assert peers.service_index(a_slice("127.1.0.1")) == ["fission/router"]
    assert peers.service_index({"metadata": {"name": "x"}}) == []


def a_pod():
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "work", "uid": "u", "resourceVersion": "3"},
        "spec": {"large": "x"},
    }


def test_an_event_refers_to_its_object():
    record = events.Record(
        events.reference_to(a_pod()), "Normal", "Started", "It runs.", 2, "t1", "t2"
    )
    assert events.make_event(record, "kubelet", "node-1", "abc") == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "web.abc", "namespace": "work"},
        "involvedObject": {
            "kind": "Pod",
            "namespace": "work",
            "name": "web",
            "uid": "u",
            "apiVersion": "v1",
            "resourceVersion": "3",
        },
        "reason": "Started",
        "message": "It runs.",
        "source": {"component": "kubelet", "host": "node-1"},
        "firstTimestamp": "t1",
        "lastTimestamp": "t2",
        "count": 2,
        "type": "Normal",
        "eventTime": None,
        "reportingComponent": "kubelet",
        "reportingInstance": "node-1",
    }


def test_events_about_cluster_wide_objects_live_in_default():
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "uid": "n1"}}
    record = events.Record(events.reference_to(node), "Normal", "R", "m", 1, "t", "t")
    assert events.make_event(record, "c", "", "abc")["metadata"]["namespace"] == "default"
