"""Supervisor and kubelet together: host ports, take-over, and an end that leaves nothing."""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from fission.cluster.supervisor import control, processes
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.meta import gvk
from fission_http import client as http_client
from tests.integration.kubelet import node as nodes
from tests.integration.kubelet.node import a_pod, until
from tests.support import apiserver

IDLE = "import signal; signal.pause()"
SERVICE = {
    "metadata": {"name": "router", "namespace": "default"},
    "spec": {
        "type": "LoadBalancer",
        "selector": {"app": "router"},
        "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
    },
}


class Whole(nodes.Node):
    """A node whose kubelet belongs to a supervisor."""

    url = ""

    async def up(self) -> dict:
        state = await asyncio.to_thread(control.start, self.home)
        self.url = state["urls"]["router"]
        await until(self.serves, "the kubelet serves")
        return state

    async def get_host_port(self) -> int:
        response = await self.http.request("GET", self.url, timeout_seconds=10)
        return json.loads(await response.read())["pid"]


@pytest.fixture
async def whole():
    home = Path(tempfile.mkdtemp(prefix="kl-"))
    nodes.write_images(home / "images")
    async with apiserver.running() as api:
        command = [sys.executable, "-m", "fission.cluster.kubelet", "--home", str(home)]
        command += ["--images", str(home / "images"), "--node-name", nodes.NODE]
        document = {
            "hostPorts": [
                {"namespace": "default", "service": "router", "port": "http", "hostPort": 0}
            ],
            "apiserver": {"hostPort": 0, "command": [sys.executable, "-c", IDLE]},
            "kubelet": {"command": command, "env": {"KUBE_API_SOCKET": api.socket}},
            "stopGraceSeconds": 2,
        }
        (home / "cluster.json").write_text(json.dumps(document))
        async with (
            kube_client.Client(kube_config.from_unix_socket(api.socket)) as client,
            http_client.Client() as http,
        ):
            node = Whole(api, client, home)
            node.http = http
            await client.create(gvk.SERVICES, SERVICE)
            try:
                yield node
            finally:
                await asyncio.to_thread(control.stop, home, 30.0)
    shutil.rmtree(home, ignore_errors=True)


async def test_a_host_port_reaches_the_pods_of_its_service(whole):
    await whole.up()
    await whole.create(a_pod("router", "platform", labels={"app": "router"}))
    pod = await whole.ready("router")

    first = await whole.get_host_port()
    assert first == whole.pids(pod)["main"]
    await whole.crash(pod)
    assert await whole.get_host_port() != first
    service = await whole.client.get(gvk.SERVICES, "router", "default")
    port = int(whole.url.rsplit(":", 1)[1])
    assert service["status"]["loadBalancer"]["ingress"] == [
        {"ip": "127.0.0.1", "ports": [{"port": port, "protocol": "TCP"}]}
    ]


async def test_a_service_that_comes_after_its_pods_reaches_them(whole):
    await whole.client.delete(gvk.SERVICES, "router", "default")
    await whole.up()
    await whole.create(a_pod("router", "platform", labels={"app": "router"}))
    await whole.ready("router")

    await whole.client.create(gvk.SERVICES, SERVICE)

    pod = await whole.wait(
        "router", lambda p: nodes.container(p)["restartCount"] == 1, "it was not restarted"
    )
    await until(lambda: whole.pids(pod), "it runs again")
    assert await whole.get_host_port() == whole.pids(pod)["main"]


@pytest.mark.parametrize("victims", [("supervisor",), ("supervisor", "kubelet")])
async def test_traffic_goes_on_and_everything_is_taken_over(whole, victims):
    state = await whole.up()
    await whole.create(a_pod("router", "platform", labels={"app": "router"}))
    pod = await whole.ready("router")
    first = await whole.get_host_port()
    found = control.status(whole.home)

    for victim in victims:
        pid = next(p["pid"] for p in found["processes"] if p["name"] == victim)
        identity = processes.identify(pid)
        nodes.kill(pid)
        processes.wait_exit(identity, 5.0)
    assert await whole.get_host_port() == first
    again = await whole.up()

    assert again["urls"]["router"] == state["urls"]["router"]
    assert await whole.get_host_port() == first
    await until(lambda: whole.pids(pod).get("main") == first, "the pod is adopted")
    await until(lambda: whole.status()["hostPorts"] == 2, "the host ports are known by name")
    await whole.crash(pod)
    assert await whole.get_host_port() != first


async def test_a_stop_leaves_no_process_and_no_socket(whole):
    await whole.up()
    await whole.create(a_pod("router", "platform", labels={"app": "router"}))
    await whole.create(a_pod("web"))
    for name in ("router", "web"):
        await whole.ready(name)
    found = control.status(whole.home)
    pids = [p["pid"] for p in (*found["processes"], *found["kubelet"]["processes"])]
    alive = [identity for pid in pids if (identity := processes.identify(pid))]
    assert len(alive) >= 7

    assert await asyncio.to_thread(control.stop, whole.home, 30.0)

    assert [identity for identity in alive if processes.is_alive(identity)] == []
    assert [name for name in os.listdir(whole.home / "run") if name.endswith(".sock")] == []
    await whole.up()
    for name in ("router", "web"):
        await whole.wait(
            name,
            lambda p: nodes.container(p)["restartCount"] == 1 and nodes.is_ready(p),
            "pods come back after a stop",
        )
