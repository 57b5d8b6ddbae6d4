"""A cluster for the executor: the embedded API server and its reconcilers, and a node whose pods
are real fetchers beside small runtimes in this process.

A runtime "loads" the file that the fetcher put there: a file with ``SyntaxError`` in it does not
load. Calls are answered with the code, so a test sees which code runs where.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import pathlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import prometheus_client

from fission.api import function_types, objects, resources
from fission.base import clock as clocks
from fission.base import ids
from fission.bundle import install
from fission.cluster.reconcilers import run as reconcilers
from fission.contracts import executor as wire
from fission.contracts import signing
from fission.executor import app, config
from fission.fetcher import app as fetcher_app
from fission.fetcher import config as fetcher_config
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.kube import informer
from fission.meta import gvk, status
from fission.web import client as web_client
from fission.web import listen
from fission_http import client as http_client
from fission_http import server
from tests.support import apiserver
from tests.support import waiting as waits

Obj = dict[str, Any]
MASTER = b"0123456789abcdef0123456789abcdef"


@dataclass
class RunningPod:
    """One pod of the node."""

    name: str
    folder: pathlib.Path
    fetcher: fetcher_app.ServedPod
    runtime: server.Server
    loads: list[Obj] = field(default_factory=list)
    """What the runtime was asked to load."""
    causes: list[str] = field(default_factory=list)
    """Why the fetcher could not load what it was started for."""

    async def stop(self) -> None:
        await self.runtime.close(0.1)
        await self.fetcher.aclose()


class Node:
    """Runs the pods of the cluster."""

    def __init__(self, kube: kube_client.Client, folder: pathlib.Path, api_socket: str) -> None:
        self._kube = kube
        self._api_socket = api_socket
        self._folder = folder
        self._informer = informer.Informer(kube, gvk.PODS)
        self._queue: asyncio.Queue[tuple[Obj | None, Obj | None]] = asyncio.Queue()
        self._addresses = iter(range(2, 250))
        self._http = http_client.Client()
        self.pods: dict[str, RunningPod] = {}
        self.accepts: Callable[[Obj], bool] = lambda pod: True
        """Pods that are refused stay as an image that cannot be pulled leaves them."""
        self.lingers = False
        """Whether pods that are deleted serve on, as those do that sleep before they stop."""
        self.before_load: Callable[[], Any] = lambda: None

    async def run(self) -> None:
        self._informer.add_handler(lambda old, new: self._queue.put_nowait((old, new)))
        watching = asyncio.ensure_future(self._informer.run())
        try:
            while True:
                old, new = await self._queue.get()
                with contextlib.suppress(status.NotFound, status.Conflict):
                    await self._handle(old, new)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            for pod in list(self.pods.values()):
                await pod.stop()
            await self._http.aclose()

    async def _handle(self, old: Obj | None, new: Obj | None) -> None:
        if new is None:
            await self._stop(str((old or {})["metadata"]["uid"]))
        elif new["metadata"].get("deletionTimestamp"):
            await self._stop(new["metadata"]["uid"])
            metadata = new["metadata"]
            await self._kube.delete(
                gvk.PODS, metadata["name"], metadata["namespace"], grace_period_seconds=0
            )
        elif new["metadata"]["uid"] not in self.pods and not new.get("status", {}).get("podIP"):
            await self._start(new)

    async def _stop(self, uid: str) -> None:
        pod = None if self.lingers else self.pods.get(uid)
        if pod is not None:
            # Kept until it has stopped: the node's own end may cut this short, and stops it then.
            await pod.stop()
            self.pods.pop(uid, None)

    async def _start(self, pod: Obj) -> None:
        metadata = pod["metadata"]
        if not self.accepts(pod):
            waiting = {"reason": "ErrImagePull", "message": "no image matches nowhere/at-all"}
            await self._report(pod, "", {"waiting": waiting}, ready=False)
            return
        uid, address = metadata["uid"], f"127.77.0.{next(self._addresses)}"
        if _fetcher_of(pod) is None:  # a container function's: nothing speaks with its program
            await self._report(pod, address, {"running": {}}, ready=True)
            return
        sockets = [_listening(address), _listening(address)]
        ports = {
            str(declared): opened.getsockname()[1]
            for declared, opened in zip((8000, 8888), sockets, strict=True)
        }
        try:
            self.pods[uid] = await self._serve(pod, address, ports, sockets)
        except BaseException:
            for opened in sockets:
                opened.close()
            raise
        await self._kube.patch(
            gvk.PODS,
            metadata["name"],
            {"metadata": {"annotations": {"kubelet/port-map": json.dumps(ports)}}},
            metadata["namespace"],
        )
        running = self.pods[uid]
        await waits.until(lambda: running.fetcher.pod.is_ready or running.causes, seconds=10.0)
        if running.causes:
            waiting = {"reason": "CrashLoopBackOff", "message": "back-off 1s"}
            last = {"terminated": {"exitCode": 1, "message": running.causes[0]}}
            await self._report(pod, address, {"waiting": waiting}, ready=False, last=last)
        else:
            await self._report(pod, address, {"running": {}}, ready=True)

    async def _serve(
        self, pod: Obj, address: str, ports: dict[str, int], sockets: list[socket.socket]
    ) -> RunningPod:
        uid, name = pod["metadata"]["uid"], pod["metadata"]["name"]
        env = await self._env(pod, address, ports)
        settings = fetcher_config.Config(cache_dir=str(self._folder / "cache"))
        built = fetcher_app.build(settings, fetcher_app.Deps(self._http, clocks.SystemClock()))
        await built.prepare()
        folder = self._folder / uid / "userfunc"
        loads: list[Obj] = []
        causes: list[str] = []
        runtime = await server.serve(self._runtime(name, folder, loads), [sockets[1]])
        try:
            arguments = fetcher_config.parse_arguments(_fetcher_of(pod)["args"])
            served = await built.start_pod(arguments, env, [sockets[0]], causes.append)
        except BaseException:
            await runtime.close(0.0)
            raise
        return RunningPod(name, folder, served, runtime, loads, causes)

    def _runtime(
        self, name: str, folder: pathlib.Path, loads: list[Obj]
    ) -> Callable[[server.Request], Any]:
        async def answer(request: server.Request) -> server.Response:
            body = await request.read(1 << 20)
            code = folder / "deployarchive"
            if request.path == "/v2/specialize":
                await asyncio.sleep(0)
                if (waited := self.before_load()) is not None:
                    await waited
                loads.append(json.loads(body))
                code = folder / loads[-1]["filepath"].rsplit("/", 1)[1]
                if b"SyntaxError" in code.read_bytes():
                    return server.Response(500, body=b"Traceback:\nSyntaxError: invalid syntax")
                return server.Response(200)
            return server.Response(200, [("X-Pod", name)], code.read_bytes())

        return answer

    async def _env(self, pod: Obj, address: str, ports: dict[str, int]) -> dict[str, str]:
        container = _fetcher_of(pod)
        paths = {}
        for mount in container["volumeMounts"]:
            folder = self._folder / pod["metadata"]["uid"] / mount["name"]
            folder.mkdir(parents=True)
            paths[mount["mountPath"]] = str(folder)
        env = {"POD_IP": address, "POD_NAMESPACE": pod["metadata"]["namespace"]}
        for variable in container["env"]:
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference is not None:
                secret = await self._kube.get(
                    gvk.SECRETS, reference["name"], pod["metadata"]["namespace"]
                )
                if reference["key"] in secret["data"]:
                    value = secret["data"][reference["key"]]
                    env[variable["name"]] = base64.b64decode(value).decode()
        return env | {
            "KUBE_API_SOCKET": self._api_socket,
            "POD_VOLUME_PATHS": json.dumps(paths),
            "POD_PORTS": json.dumps({k: v for k, v in ports.items() if k == "8888"}),
        }

    async def _report(
        self, pod: Obj, address: str, state: Obj, *, ready: bool, last: Obj | None = None
    ) -> None:
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        report = {
            "phase": "Running" if ready else "Pending",
            "conditions": [condition],
            "containerStatuses": [
                {
                    "name": container["name"],
                    "ready": ready,
                    "restartCount": 0,
                    "image": container["image"],
                    "imageID": "",
                    "state": state,
                    "lastState": last or {},
                }
                for container in pod["spec"]["containers"]
            ],
        }
        if address:
            report |= {"podIP": address, "podIPs": [{"ip": address}]}
        metadata = pod["metadata"]
        await self._kube.patch(
            gvk.PODS,
            metadata["name"],
            {"status": report},
            metadata["namespace"],
            subresource="status",
        )


class Clock(clocks.SystemClock):
    """The time, for tests that cannot wait for all of it."""

    ahead_seconds = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_seconds


@dataclass
class World:
    """The cluster and one executor."""

    kube: kube_client.Client
    node: Node
    http: http_client.Client
    masters: signing.Masters
    executor: app.App
    url: str = ""
    settings: config.Config = field(default_factory=config.Config)
    credentials: kube_config.Credentials | None = None
    stop_executor: Callable[[], Awaitable[None]] | None = None
    """Ends the executor that the cluster came with."""

    async def create_environment(self, name: str = "python", **spec: Any) -> Obj:
        wire_spec = {"version": 3, "runtime": {"image": "fission/python-env"}, "poolsize": 2}
        obj = _ours("Environment", name, wire_spec | spec)
        return await self.kube.create(resources.ENVIRONMENTS, obj)

    async def create_function(
        self, name: str = "hello", code: str = "hello", **spec: Any
    ) -> function_types.Function:
        """A function and the package that holds its code."""
        package = await self.put_package(f"{name}-pkg", code)
        reference = {
            "namespace": "default",
            "name": f"{name}-pkg",
            "resourceversion": package["metadata"]["resourceVersion"],
        }
        wire_spec = {
            "environment": {"namespace": "default", "name": "python"},
            "package": {"packageref": reference, "functionName": "hello.main"},
            "InvokeStrategy": {
                "StrategyType": "execution",
                "ExecutionStrategy": {"ExecutorType": "poolmgr"},
            },
        }
        obj = _ours("Function", name, wire_spec | spec)
        return _function(await self.kube.create(resources.FUNCTIONS, obj))

    async def put_package(self, name: str, code: str) -> Obj:
        spec = {
            "environment": {"namespace": "default", "name": "python"},
            "deployment": {
                "type": "literal",
                "literal": base64.b64encode(code.encode()).decode(),
            },
        }
        try:
            return await self.kube.create(resources.PACKAGES, _ours("Package", name, spec))
        except status.AlreadyExists:
            return await self.kube.patch(resources.PACKAGES, name, {"spec": spec}, "default")

    async def update_function(self, name: str, code: str) -> function_types.Function:
        """New code, as the command line does it: the package, then the reference to it."""
        package = await self.put_package(f"{name}-pkg", code)
        version = package["metadata"]["resourceVersion"]
        patch = {"spec": {"package": {"packageref": {"resourceversion": version}}}}
        return _function(await self.kube.patch(resources.FUNCTIONS, name, patch, "default"))

    async def ask(self, function: function_types.Function, path: str = "") -> tuple[int, str]:
        """What a router would: the address of a function."""
        return await self.post(wire.GET_SERVICE_FOR_FUNCTION, wire.encode(function))

    async def post(self, path: str, body: bytes) -> tuple[int, str]:
        key = self.masters.keys(signing.EXECUTOR).current
        now = clocks.SystemClock().now().timestamp()
        headers = signing.headers(key, "POST", path, body, now) if key else []
        response = await self.http.request(
            "POST", self.url + path, headers, body, timeout_seconds=20.0
        )
        return response.status, (await response.read()).decode().strip()

    async def address(self, function: function_types.Function) -> str:
        code, text = await self.ask(function)
        assert code == 200, text
        return text

    async def call(self, address: str) -> str:
        """Call the function itself."""
        response = await self.http.request("GET", f"http://{address}/")
        return (await response.read()).decode()

    def tap_body(self, function: function_types.Function, address: str) -> Obj:
        return {
            "FnMetadata": {
                "name": function.metadata.name,
                "namespace": function.metadata.namespace,
                "uid": function.metadata.uid,
            },
            "FnExecutorType": "poolmgr",
            "ServiceURL": address,
        }

    async def untap(self, function: function_types.Function, address: str) -> None:
        body = json.dumps(self.tap_body(function, address)).encode()
        assert (await self.post(wire.UNTAP_SERVICE, body))[0] == 200

    async def list_pods(self, **chosen: str) -> list[Obj]:
        selector = {name.replace("__", "/").replace("_", "-"): v for name, v in chosen.items()}
        return (await self.kube.list(gvk.PODS, "default", label_selector=selector or None)).items

    async def ready_pods(self, count: int) -> None:
        """Wait until the executor has that many pods to give."""
        await waits.until(
            lambda: sum(int(str(p["ready"])) for p in self.executor.pools.snapshot()) >= count,
            seconds=10.0,
        )

    async def labelled(self, address: str) -> Obj:
        """The pod at an address, once its labels say whose it is."""
        async with asyncio.timeout(10):
            while True:
                for pod in await self.list_pods():
                    annotations = pod["metadata"].get("annotations") or {}
                    if annotations.get("svcHost") == address:
                        return pod
                await asyncio.sleep(0.01)

    async def eventually(self, holds: Callable[[], Any], seconds: float = 10.0) -> Any:
        """Await a question about the cluster until its answer is true."""
        async with asyncio.timeout(seconds):
            while True:
                found = await holds()
                if found:
                    return found
                await asyncio.sleep(0.01)

    async def condition(self, name: str, type_: str = "Ready") -> Obj:
        found = await self.kube.get(resources.FUNCTIONS, name, "default")
        conditions = (found.get("status") or {}).get("conditions") or []
        return next((one for one in conditions if one["type"] == type_), {})


@contextlib.asynccontextmanager
async def cluster(
    folder: pathlib.Path,
    *,
    signed: bool = False,
    clock: clocks.Clock | None = None,
    **settings: Any,
) -> AsyncIterator[World]:
    """Everything but the executor's own life; see ``executor``."""
    masters = signing.Masters(MASTER) if signed else signing.Masters()
    async with apiserver.running() as api, http_client.Client() as http:
        credentials = kube_config.load({"KUBE_API_SOCKET": api.socket})
        kube = kube_client.Client(credentials, http=http)
        for crd in install.load_crds():
            await install.apply(kube, gvk.CRDS, crd)
        node = Node(kube, folder, api.socket)
        beside = [
            asyncio.ensure_future(reconcilers.run(kube, clocks.SystemClock(), "CERTIFICATE")),
            asyncio.ensure_future(node.run()),
        ]
        chosen = config.Config(tenancy_mode="cluster", **settings)
        try:
            async with contextlib.AsyncExitStack() as life:
                begun = executor(kube, http, masters, chosen, clock=clock)
                built = await life.enter_async_context(begun)
                yield World(
                    kube,
                    node,
                    http,
                    masters,
                    *built,
                    chosen,
                    credentials,
                    stop_executor=life.aclose,
                )
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


@contextlib.asynccontextmanager
async def executor(
    kube: kube_client.Client,
    http: http_client.Client,
    masters: signing.Masters,
    settings: config.Config,
    *,
    clock: clocks.Clock | None = None,
    is_follower: bool = False,
) -> AsyncIterator[tuple[app.App, str]]:
    """One executor process's app, serving; it ends like a process that was killed.

    ``is_follower``: another one acts, so this one does not become ready.
    """
    deps = app.Deps(
        kube=kube,
        http=web_client.HttpClient(http=http),
        masters=masters,
        clock=clock or clocks.SystemClock(),
        instance_id=ids.short_id(8),
        podspec_patch={},
        registry=prometheus_client.CollectorRegistry(),
    )
    built = app.build(settings, deps)
    opened = listen.bind("127.0.0.1", 0)
    host, port = opened.getsockname()
    running = asyncio.ensure_future(built.run([opened]))
    try:
        await waits.until(lambda: built.is_ready or is_follower or running.done(), seconds=10.0)
        if running.done():
            running.result()
        yield built, f"http://{host}:{port}"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _fetcher_of(pod: Obj) -> Any:
    return next((c for c in pod["spec"]["containers"] if c["name"] == "fetcher"), None)


def _listening(address: str) -> socket.socket:
    return listen.bind(address, 0)


def _ours(kind: str, name: str, spec: Obj) -> Obj:
    return {
        "apiVersion": "fission.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def _function(wire_object: Obj) -> function_types.Function:
    return objects.decode(function_types.Function, wire_object)
