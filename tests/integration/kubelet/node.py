"""A node for tests: the real kubelet as a process, on the embedded API server, with tiny images."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from fission.cluster.supervisor import processes, wire
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.meta import gvk, status
from fission_http import client as http_client
from fission_http import errors as http_errors
from tests.support import apiserver

Obj = dict[str, Any]

NODE = "test-node"

SERVER = """
import json, os, signal, socket, sys, threading
from http.server import BaseHTTPRequestHandler


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        what, _, rest = self.path.lstrip("/").partition("/")
        if what == "exit":
            os._exit(int(rest))
        if what == "say":
            print(rest, flush=True)
        body = {"pid": os.getpid()}
        if what == "env":
            body = dict(os.environ)
        if what == "read":
            try:
                with open("/" + rest) as source:
                    body = source.read()
            except OSError as error:
                body = str(error)
        if what == "write":
            with open("/" + rest, "w") as target:
                target.write("written")
        status = 200
        if what == "healthy" and os.environ.get("SICK"):
            status = 500
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args):
        pass


def serve(listener):
    while True:
        connection, address = listener.accept()
        threading.Thread(target=Handler, args=(connection, address, None), daemon=True).start()


def main(argv):
    print("hello from", *argv, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: (print("bye", flush=True), os._exit(0)))
    if argv[:1] == ["exit"]:
        return int(argv[1])
    for number in range(3, 3 + int(os.environ.get("LISTEN_FDS", 0))):
        listener = socket.socket(fileno=number)
        listener.setblocking(True)
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
    threading.Event().wait()
"""

SHARED = """
import json, os, socket, threading
import testserver

ADDED = {}


def main(argv):
    control = socket.socket(fileno=int(os.environ["SHARED_CONTROL_FD"]))
    control.setblocking(True)
    while True:
        data, fds, _, _ = socket.recv_fds(control, 1 << 20, 16)
        if not data:
            return 0
        message = json.loads(data)
        if message["op"] == "add":
            ADDED[message["id"]] = message
            print("added", message["id"], flush=True)
            if message["args"] == ["fail"] and not os.path.exists(message["env"]["FLAG"]):
                open(message["env"]["FLAG"], "w").close()
                list(map(os.close, fds))
                for more in ({"op": "added"}, {"op": "ended", "code": 1, "message": "no\\ncode"}):
                    control.sendall(json.dumps({"id": message["id"], **more}).encode())
                continue
            for fd in fds:
                listener = socket.socket(fileno=fd)
                listener.setblocking(True)
                threading.Thread(target=testserver.serve, args=(listener,), daemon=True).start()
            control.sendall(json.dumps({"op": "added", "id": message["id"]}).encode())
        else:
            ADDED.pop(message["id"], None)
            print("removed", message["id"], flush=True)
            control.sendall(json.dumps({"op": "removed", "id": message["id"]}).encode())
"""


def write_images(folder: Path) -> None:
    common = {"ports": {"http": 8888}, "env": {"IMAGE": "yes"}}
    zygote = {"preload": ["http.server"], "pythonpath": ["{image}"]}
    images: dict[str, Obj] = {
        "server": {"zygote": {"entry": "testserver:main", **zygote}, **common},
        "platform": {
            "zygote": {"entry": "testserver:main", **zygote},
            "confined": False,
            **common,
        },
        "shared": {
            "zygote": {"entry": "testshared:main", **zygote},
            "confined": False,
            "shared": "node",
            "ports": {"http": 8888},
        },
        "needy": {"command": ["x"], "needs": [{"executable": "no-such-program", "install": "y"}]},
    }
    for name, manifest in images.items():
        root = folder / name
        root.mkdir(parents=True)
        (root / "image.json").write_text(json.dumps({"name": name, "match": [name], **manifest}))
        (root / "testserver.py").write_text(SERVER)
        (root / "testshared.py").write_text(SHARED)


def a_pod(name: str, image: str = "server", **changes: Any) -> Obj:
    container: Obj = {
        "name": "main",
        "image": image,
        "ports": [{"name": "http", "containerPort": 8888}],
        "readinessProbe": {"httpGet": {"path": "/healthy", "port": "http"}, "periodSeconds": 1},
        **changes.pop("container", {}),
    }
    labels = changes.pop("labels", {})
    annotations = changes.pop("annotations", {})
    spec = {
        "nodeName": NODE,
        "terminationGracePeriodSeconds": 5,
        "automountServiceAccountToken": False,
        "containers": [container],
        **changes,
    }
    meta = {"name": name, "namespace": "default", "labels": labels, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


class Node:
    """The kubelet of a test, and what a test asks about its pods."""

    def __init__(self, api: apiserver.Running, client: kube_client.Client, home: Path) -> None:
        self.api = api
        self.client = client
        self.home = home
        self.http = http_client.Client()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def run(self) -> Path:
        return self.home / "run"

    def start(self, *options: str, **env: str) -> None:
        command = [sys.executable, "-m", "fission.cluster.kubelet", "--home", str(self.home)]
        command += ["--images", str(self.home / "images"), "--node-name", NODE, *options]
        with (self.home / "kubelet.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env={**os.environ, "KUBE_API_SOCKET": self.api.socket, **env},
                start_new_session=True,
            )

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    async def end(self) -> None:
        """Shut down: afterwards no process of the node is left."""
        if self._process is None:
            return
        if self._process.poll() is not None:
            self.start()
        await until(self.serves, "the kubelet serves")
        spawners = [p["pid"] for p in self.status()["processes"]]
        alive = [i for i in map(processes.identify, spawners) if i is not None]
        wire.ask(str(self.control_socket), {"op": "shutdown", "graceSeconds": 1}, 5.0)
        assert await asyncio.to_thread(self._process.wait, 30) == 0, self.log()
        for identity in alive:
            assert processes.wait_exit(identity, 5.0)
        await self.http.aclose()

    @property
    def control_socket(self) -> Path:
        return self.run / "kubelet.sock"

    def status(self) -> Obj:
        return wire.ask(str(self.control_socket), {"op": "status"}, 5.0)[0]

    def serves(self) -> bool:
        """Whether a kubelet answers that has taken everything over."""
        try:
            return bool(self.status()["started"])
        except OSError:
            return False

    def log(self) -> str:
        return (self.home / "kubelet.log").read_text()

    # -- pods -------------------------------------------------------------------------------

    async def create(self, pod: Obj) -> Obj:
        return await self.client.create(gvk.PODS, pod)

    async def get(self, name: str) -> Obj | None:
        try:
            return await self.client.get(gvk.PODS, name, "default")
        except status.NotFound:
            return None

    async def delete(self, name: str, grace: int | None = None) -> None:
        await self.client.delete(gvk.PODS, name, "default", grace_period_seconds=grace)

    async def wait(self, name: str, holds: Callable[[Obj], object], what: str) -> Obj:
        deadline = time.monotonic() + 20
        pod: Obj | None = None
        while time.monotonic() < deadline:
            pod = await self.get(name)
            if pod is not None and holds(pod):
                return pod
            await asyncio.sleep(0.005)
        raise AssertionError(f"{what}: {json.dumps(pod and pod.get('status'))}\n{self.log()}")

    async def ready(self, name: str) -> Obj:
        return await self.wait(name, is_ready, f"pod {name} is not ready")

    async def gone(self, name: str) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if await self.get(name) is None:
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"pod {name} is still there\n{self.log()}")

    async def ask(self, pod: Obj, path: str, port: int = 8888) -> Any:
        url = f"http://{pod['status']['podIP']}:{port}{path}"
        response = await self.http.request("GET", url, timeout_seconds=5)
        return json.loads(await response.read())

    async def crash(self, pod: Obj, code: int = 3) -> None:
        # Sent again on another connection, it would end the next container as well.
        url = f"http://{pod['status']['podIP']}:8888/exit/{code}"
        with contextlib.suppress(http_errors.HttpError):
            response = await self.http.request("GET", url, timeout_seconds=5, replay=False)
            await response.read()

    def logs(self, pod: Obj, attempt: int = 0, container: str = "main") -> str:
        meta = pod["metadata"]
        folder = f"{meta['namespace']}_{meta['name']}_{meta['uid']}"
        path = self.home / "logs" / "pods" / folder / container / f"{attempt}.log"
        return path.read_text() if path.exists() else ""

    def pids(self, pod: Obj) -> dict[str, int]:
        prefix = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}/"
        return {
            p["name"].removeprefix(prefix): p["pid"]
            for p in self.status()["processes"]
            if p["name"].startswith(prefix)
        }

    def spawner(self, image: str) -> int:
        return next(
            p["pid"] for p in self.status()["processes"] if p["name"].startswith(f"sp-{image}-")
        )


def is_ready(pod: Obj) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def container(pod: Obj) -> Obj:
    statuses = (pod.get("status") or {}).get("containerStatuses") or [{}]
    found: Obj = statuses[0]
    return found


def waiting_reason(pod: Obj) -> str:
    """Why the container does not run; empty while it is only being made."""
    waiting = (container(pod).get("state") or {}).get("waiting") or {}
    reason = str(waiting.get("reason") or "")
    return "" if reason == "ContainerCreating" else reason


async def until(holds: Callable[[], object], what: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"not within {seconds} s: {what}")


@contextlib.asynccontextmanager
async def running(
    prepare: Callable[[Node], object] = lambda node: None, **env: str
) -> AsyncIterator[Node]:
    """`prepare` is called before the kubelet starts; `env` is the kubelet's."""
    # A short folder: the paths of sockets are bounded.
    home = Path(tempfile.mkdtemp(prefix="kl-"))
    try:
        (home / "run").mkdir(mode=0o700)
        write_images(home / "images")
        async with apiserver.running() as api:
            credentials = kube_config.from_unix_socket(api.socket)
            async with kube_client.Client(credentials) as client:
                node = Node(api, client, home)
                prepare(node)
                node.start(**env)
                try:
                    yield node
                finally:
                    await node.end()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
