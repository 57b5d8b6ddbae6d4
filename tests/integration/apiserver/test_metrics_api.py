"""The metrics API on the API server, with a kubelet's monitor at the other end of the socket."""

import os
from pathlib import Path

import pytest

from fission.base import clock as clocks
from fission.cluster.kubelet import control, monitor
from fission.meta import gvk
from tests.support import apiserver

API = "/apis/metrics.k8s.io/v1beta1"


class Running:
    """A pod whose one process is this test's."""

    def __init__(self, pod):
        self.pod = pod

    def pids(self):
        return {"main": os.getpid()}

    def out_of_memory(self, container):
        raise AssertionError(container)


@pytest.fixture
async def api():
    async with apiserver.running() as server:
        yield server


@pytest.fixture
async def measured(api):
    container = {"name": "main", "image": "registry.example/i:1"}
    pods = []
    for name, labels in (("web", {"app": "web"}), ("db", {"app": "db"})):
        body = {
            "metadata": {"name": name, "labels": labels},
            "spec": {"containers": [container], "automountServiceAccountToken": False},
        }
        made = await api.call("POST", "/api/v1/namespaces/default/pods", body)
        assert made.status == 201, made.body
        pods.append(Running(made.body))
    node = {"metadata": {"name": "node-1", "labels": {"kubernetes.io/os": "linux"}}}
    assert (await api.call("POST", gvk.NODES.path(), node)).status == 201
    clock = clocks.ManualClock(clocks.SystemClock().now())
    watch = monitor.Monitor(lambda: pods, clock)
    for _ in range(3):
        watch.look()
        clock.advance(5)

    def answer(message):
        # Two containers, each on a page of its own.
        return {"name": "node-1", **watch.describe(message["from"], items=1)}, []

    server = control.ControlServer(Path(api.socket).parent / "kubelet.sock", answer)
    yield pods
    server.close()


async def test_pods_are_listed_selected_and_got(api, measured):
    listed = await api.call("GET", f"{API}/pods")
    assert (listed.status, listed.body["kind"]) == (200, "PodMetricsList")
    assert [one["metadata"]["name"] for one in listed.body["items"]] == ["db", "web"]
    chosen = await api.call("GET", f"{API}/namespaces/default/pods?labelSelector=app%3Dweb")
    (web,) = chosen.body["items"]
    assert set(web) == {"metadata", "timestamp", "window", "containers"}
    assert (web["metadata"]["labels"], web["window"]) == ({"app": "web"}, "10s")
    (container,) = web["containers"]
    assert container["name"] == "main"
    assert container["usage"]["memory"].endswith("i")
    one = await api.call("GET", f"{API}/namespaces/default/pods/web")
    assert (one.body["kind"], one.body["containers"]) == ("PodMetrics", [container])
    assert (await api.call("GET", f"{API}/namespaces/other/pods")).body["items"] == []


async def test_the_node_is_measured(api, measured):
    (node,) = (await api.call("GET", f"{API}/nodes")).body["items"]
    assert node["metadata"]["labels"] == {"kubernetes.io/os": "linux"}
    assert set(node["usage"]) == {"cpu", "memory"}
    one = await api.call("GET", f"{API}/nodes/node-1")
    assert one.body["kind"] == "NodeMetrics"
    assert (await api.call("GET", f"{API}/nodes/other")).status == 404


async def test_a_namesake_of_a_pod_that_went_is_not_measured(api, measured):
    measured[0].pod = {**measured[0].pod, "metadata": {**measured[0].pod["metadata"]}}
    deleted = await api.call("DELETE", "/api/v1/namespaces/default/pods/web?gracePeriodSeconds=0")
    assert deleted.status == 200
    gone = await api.call("GET", f"{API}/namespaces/default/pods/web")
    assert (gone.status, gone.body["message"]) == (404, 'pods "web" not found')
    assert gone.body["details"] == {"name": "web", "kind": "pods"}


async def test_tables_have_the_columns_of_the_metrics_server(api, measured):
    accept = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    table = (await api.call("GET", f"{API}/namespaces/default/pods", headers=accept)).body
    names = [column["name"] for column in table["columnDefinitions"]]
    assert names == ["Name", "cpu", "memory", "Window"]
    assert [(row["cells"][0], row["cells"][3]) for row in table["rows"]] == [
        ("db", "10s"),
        ("web", "10s"),
    ]


async def test_it_is_discovered_and_only_read(api):
    found = (await api.call("GET", API)).body["resources"]
    assert found == [
        {
            "name": name,
            "singularName": "",
            "namespaced": name == "pods",
            "kind": kind,
            "verbs": ["get", "list"],
        }
        for name, kind in (("nodes", "NodeMetrics"), ("pods", "PodMetrics"))
    ]
    groups = (await api.call("GET", "/apis")).body["groups"]
    assert "metrics.k8s.io" in {group["name"] for group in groups}
    refused = await api.call("POST", f"{API}/namespaces/default/pods", {})
    assert (refused.status, refused.body["reason"]) == (405, "MethodNotAllowed")
    assert (await api.call("GET", f"{API}/pods?watch=1")).status == 405
    assert (await api.call("GET", f"{API}/other")).status == 404


async def test_without_a_kubelet_the_api_is_unavailable(api):
    answer = await api.call("GET", f"{API}/pods")
    assert (answer.status, answer.body["reason"]) == (503, "ServiceUnavailable")
    assert "kubelet" in answer.body["message"]
