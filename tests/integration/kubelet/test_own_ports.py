"""Images whose programs listen for themselves, in each mode of confinement."""

import asyncio
import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from fission.meta import podports
from tests.integration.kubelet import node as nodes
from tests.integration.kubelet.node import a_pod, container, until, waiting_reason

EXAMPLE = Path(__file__).parents[3] / "examples" / "container" / "hello"
FIXED = """
import http.server, os, signal
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'"%d"' % os.getpid())
if "DIE" in os.environ:
    os.kill(os.getpid(), signal.SIGKILL)
http.server.ThreadingHTTPServer(("", 8888), Handler).serve_forever()
"""
SLOW = """
import os, socket, threading
gate = os.environ["GATE"]
os.mkfifo(gate)
open(gate).read()
listener = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])))
while True:
    one, _ = listener.accept()
    data = b""
    while piece := one.recv(65536):
        data += piece
    one.sendall(data)
    one.close()
"""


def add_images(node):
    shutil.copytree(EXAMPLE, node.home / "images" / "hello")
    for name, text, binds in (("fixed", FIXED, "containerPort"), ("slow", SLOW, "PORT")):
        folder = node.home / "images" / name
        folder.mkdir()
        (folder / "serve.py").write_text(text)
        manifest = {
            "name": name,
            "command": ["{python}", "-u", "{image}/serve.py"],
            "binds": binds,
            "ports": {"http": 8888},
        }
        (folder / "image.json").write_text(json.dumps(manifest))


@pytest.fixture(params=["full", "landlock", "none"])
async def node(request):
    async with nodes.running(add_images, FISSION_SANDBOX_MODE=request.param) as running:
        running.mode = request.param
        yield running


async def test_programs_that_listen_for_themselves(node):
    """One node for all of it: starting one is what takes the time."""
    if waiting := await refusal(node):
        pytest.skip(waiting)
    port = [{"containerPort": 8080}]
    probe = {"exec": {"command": ["sh", "-c", 'test "$GREETING" = hi']}}
    hello = {"ports": port, "readinessProbe": probe, "env": [{"name": "GREETING", "value": "hi"}]}
    for name in ("one", "two"):
        await node.create(a_pod(name, "library/hello-http:1", container=dict(hello)))
    for name in ("one", "two"):
        pod = await node.ready(name)
        answer = await ask(node, pod, "/a/b")
        assert (answer["greeting"], answer["path"]) == ("hi", "/a/b")

    fixed = a_pod("fixed", "fixed", container={"readinessProbe": None})
    await node.create(fixed)
    if node.mode == "full":
        await node.create({**fixed, "metadata": {**fixed["metadata"], "name": "twin"}})
        for name in ("fixed", "twin"):
            assert await node.ask(await node.ready(name), "/")
    else:
        pod = await node.wait("fixed", waiting_reason, "nothing is said")
        assert waiting_reason(pod) == "CreateContainerConfigError"
        message = container(pod)["state"]["waiting"]["message"]
        assert "network of its own" in message
        assert '"binds": "PORT"' in message

    await ends_as_its_program(node)
    await lets_connections_wait(node)


async def refusal(node):
    """Why this account can run nothing confined here, if so: an interpreter in a closed home."""
    await node.create(a_pod("first", "hello-http", container={"readinessProbe": None}))
    pod = await node.wait("first", lambda p: nodes.is_ready(p) or waiting_reason(p), "no word")
    return "" if nodes.is_ready(pod) else container(pod)["state"]["waiting"]["message"]


async def ends_as_its_program(node):
    """What the program's end means for clients and for the pod's status."""
    pod = await node.ready("one")
    before = await ask(node, pod, "/")
    top = node.pids(pod)["main"]
    program = next(iter(children(top)))
    os.kill(program, 9)
    pod = await node.wait("one", lambda p: container(p)["restartCount"] == 1, "no restart")
    assert container(pod)["lastState"]["terminated"]["exitCode"] == 137
    after = await ask(node, await node.ready("one"), "/")
    assert after["greeting"] == before["greeting"]

    pod = await node.ready("two")
    await node.delete("two")
    await node.gone("two")
    with socket.socket() as sock:
        address = (pod["status"]["podIP"], podports.resolve_port(pod, 8080))
        assert sock.connect_ex(address) != 0


async def ask(node, pod, path):
    return await node.ask(pod, path, podports.resolve_port(pod, 8080))


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


async def lets_connections_wait(node):
    """Until the program listens; and what is said and answered is passed on whole."""
    volume = {"name": "v", "emptyDir": {}}
    pod = a_pod(
        "slow",
        "slow",
        container={
            "readinessProbe": None,
            "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            "env": [{"name": "GATE", "value": "gate"}],
            "workingDir": "/v",
        },
        volumes=[volume],
    )
    await node.create(pod)
    pod = await node.ready("slow")
    reader, writer = await asyncio.open_connection(pod["status"]["podIP"], 8888)
    sent = os.urandom(1 << 20)
    writer.write(sent)
    writer.write_eof()
    path = node.home / "pods" / pod["metadata"]["uid"] / "volumes" / "v" / "gate"
    await until(path.exists, "the program runs")
    await asyncio.to_thread(path.write_bytes, b"go")
    async with asyncio.timeout(10):
        assert await reader.read(-1) == sent
    writer.close()
