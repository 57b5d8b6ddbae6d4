"""A cluster for buildermgr: the embedded API server, its reconcilers, storagesvc, and a node.

The node's builder pods are a real fetcher and a real builder, both in this process, or the builder
as a process of its own.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import io
import json
import os
import pathlib
import socket
import stat
import sys
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import prometheus_client

from fission.api import objects, package_types, resources
from fission.base import clock as clocks
from fission.base import ids
from fission.builder import app as builder_app
from fission.builder import config as builder_config
from fission.builder import processes
from fission.buildermgr import app, config
from fission.bundle import install
from fission.cluster.reconcilers import run as reconcilers
from fission.contracts import signing
from fission.fetcher import app as fetcher_app
from fission.fetcher import config as fetcher_config
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.kube import informer
from fission.meta import gvk, status
from fission.web import client as web_client
from fission.web import listen
from fission_http import client as http_client
from fission_http import errors as http_errors
from tests.support import apiserver, cliplatform
from tests.support import waiting as waits

Obj = dict[str, Any]

COPY = '#!/bin/sh\necho building\ncp -r "$SRC_PKG" "$DEPLOY_PKG"\n'


@dataclasses.dataclass
class RunningPod:
    """One builder pod of the node."""

    name: str
    packages: pathlib.Path
    fetcher: fetcher_app.ServedPod
    builder: asyncio.Task[None] | None
    process: asyncio.subprocess.Process | None

    async def stop(self) -> None:
        if self.builder is not None:
            self.builder.cancel()
            await asyncio.gather(self.builder, return_exceptions=True)
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        await self.fetcher.aclose()


class Node:
    """Runs the builder pods of the cluster."""

    def __init__(self, kube: kube_client.Client, folder: pathlib.Path, api_socket: str) -> None:
        self._kube = kube
        self._api_socket = api_socket
        self._folder = folder
        self._informer = informer.Informer(kube, gvk.PODS)
        self._queue: asyncio.Queue[tuple[Obj | None, Obj | None]] = asyncio.Queue()
        self._addresses = iter(range(2, 250))
        self._http = http_client.Client()
        self.pods: dict[str, RunningPod] = {}
        self.refusal: Obj | None = None
        """What a container waits for while the node starts nothing."""
        self.own_process = False
        """Whether builders are processes of their own, which can be killed."""

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
        pod = self.pods.pop(uid, None)
        if pod is not None:
            await pod.stop()

    async def restart_builder(self, name: str) -> None:
        """What a kubelet does when a container has ended: the same again, in the same pod."""
        found = await self._kube.get(gvk.PODS, name, "default")
        pod = self.pods[found["metadata"]["uid"]]
        env, port = await self._env(found, "builder"), _real_port(found, "8001")
        pod.process = await self._spawn(env, found["status"]["podIP"], port)

    async def _start(self, pod: Obj) -> None:
        if self.refusal is not None:
            await self._report(pod, "", {"waiting": self.refusal}, ready=False)
            return
        metadata, address = pod["metadata"], f"127.78.0.{next(self._addresses)}"
        opened = [listen.bind(address, 0), listen.bind(address, 0)]
        ports = {
            str(declared): one.getsockname()[1]
            for declared, one in zip((8000, 8001), opened, strict=True)
        }
        patch = {"metadata": {"annotations": {"kubelet/port-map": json.dumps(ports)}}}
        try:
            await self._kube.patch(gvk.PODS, metadata["name"], patch, metadata["namespace"])
            self.pods[metadata["uid"]] = await self._serve(pod, address, opened)
        except BaseException:  # the pod, or the world, is gone
            for one in opened:
                one.close()
            raise
        await self._report(pod, address, {"running": {}}, ready=True)

    async def _serve(self, pod: Obj, address: str, opened: list[socket.socket]) -> RunningPod:
        metadata = pod["metadata"]
        settings = fetcher_config.Config(cache_dir=str(self._folder / "cache"))
        built = fetcher_app.build(settings, fetcher_app.Deps(self._http, clocks.SystemClock()))
        await built.prepare()
        arguments = fetcher_config.parse_arguments(_container(pod, "fetcher")["args"])
        env = await self._env(pod, "fetcher")
        fetcher = await built.start_pod(arguments, env, [opened[0]])
        env = await self._env(pod, "builder")
        packages = self._folder / metadata["uid"] / "packages"
        running, process = None, None
        if self.own_process:
            port = opened[1].getsockname()[1]
            opened[1].close()
            process = await self._spawn(env, address, port)
        else:
            deps = builder_app.Deps(env, clocks.SystemClock(), processes.Reaper(owns_process=False))
            made = builder_app.make(builder_config.from_env(env), deps)
            running = asyncio.ensure_future(made.run([opened[1]]))
        return RunningPod(metadata["name"], packages, fetcher, running, process)

    async def _spawn(
        self, env: dict[str, str], address: str, port: int
    ) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "fission.builder",
            "/packages",
            env={**env, "POD_IP": address, "POD_PORTS": json.dumps({"8001": port})},
            stderr=asyncio.subprocess.DEVNULL,
        )

        async def answers() -> bool:
            try:
                url = f"http://{address}:{port}/healthz"
                return (await self._http.request("GET", url)).status == 200
            except http_errors.HttpError:
                return False

        await waits.until_so(answers, seconds=10)
        return process

    async def _env(self, pod: Obj, name: str) -> dict[str, str]:
        container = _container(pod, name)
        namespace = pod["metadata"]["namespace"]
        paths = {}
        for mount in container["volumeMounts"]:
            folder = self._folder / pod["metadata"]["uid"] / mount["name"]
            folder.mkdir(parents=True, exist_ok=True)
            paths[mount["mountPath"]] = str(folder)
        env = {"PATH": os.environ["PATH"], "POD_NAMESPACE": namespace}
        for variable in container["env"]:
            reference = variable.get("valueFrom", {}).get("secretKeyRef")
            if reference is not None:
                secret = await self._kube.get(gvk.SECRETS, reference["name"], namespace)
                if reference["key"] in secret["data"]:
                    value = secret["data"][reference["key"]]
                    env[variable["name"]] = base64.b64decode(value).decode()
            elif "value" in variable:
                env[variable["name"]] = variable["value"]
        return env | {
            "KUBE_API_SOCKET": self._api_socket,
            "POD_VOLUME_PATHS": json.dumps(paths),
        }

    async def _report(self, pod: Obj, address: str, state: Obj, *, ready: bool) -> None:
        report: Obj = {
            "phase": "Running" if ready else "Pending",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
            "containerStatuses": [
                {
                    "name": container["name"],
                    "ready": ready,
                    "restartCount": 0,
                    "image": container["image"],
                    "imageID": "",
                    "state": state,
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


@dataclasses.dataclass
class World:
    """The cluster; ``start_buildermgr`` and ``stop_buildermgr`` any number of times."""

    kube: kube_client.Client
    node: Node
    http: http_client.Client
    settings: config.Config
    running: asyncio.Task[None] | None = None
    registry: prometheus_client.CollectorRegistry | None = None
    app: app.App | None = None

    async def start_buildermgr(self, **changes: Any) -> None:
        """A process of its own, as far as its memory goes."""
        self.settings = dataclasses.replace(self.settings, **changes)
        self.registry = prometheus_client.CollectorRegistry()
        deps = app.Deps(
            kube=self.kube,
            http=web_client.HttpClient(http=self.http),
            masters=signing.Masters(cliplatform.SECRET),
            clock=clocks.SystemClock(),
            instance_id=ids.short_id(8),
            registry=self.registry,
        )
        built = self.app = app.make(self.settings, deps)
        self.running = running = asyncio.ensure_future(built.run([listen.bind("127.0.0.1", 0)]))
        await waits.until(lambda: built.is_ready or running.done(), seconds=10.0)
        if running.done():
            running.result()

    async def stop_buildermgr(self) -> None:
        """As if it were killed."""
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)

    def count(self, outcome: str, environment: str = "python") -> float:
        """How many builds ended so."""
        assert self.registry is not None
        labels = {"namespace": "default", "environment": environment, "outcome": outcome}
        return self.registry.get_sample_value("fission_buildermgr_builds_total", labels) or 0.0

    async def create_environment(self, name: str = "python", **builder: Any) -> Obj:
        spec = {
            "version": 3,
            "runtime": {"image": "fission/python-env"},
            "builder": {"image": "fission/test-builder"} | builder,
            "poolsize": 0,
        }
        return await self.kube.create(resources.ENVIRONMENTS, _ours("Environment", name, spec))

    async def update_environment(self, name: str = "python", **spec: Any) -> Obj:
        return await self.kube.patch(resources.ENVIRONMENTS, name, {"spec": spec}, "default")

    async def create_package(
        self, name: str, script: str = COPY, command: str = "./build.sh", **spec: Any
    ) -> Obj:
        """A package whose source holds ``build.sh``."""
        wire_spec = {
            "environment": {"namespace": "default", "name": "python"},
            "source": a_source(script),
            "buildcmd": command,
        }
        return await self.kube.create(resources.PACKAGES, _ours("Package", name, wire_spec | spec))

    async def update_package(self, name: str, **spec: Any) -> Obj:
        return await self.kube.patch(resources.PACKAGES, name, {"spec": spec}, "default")

    async def ask_for_build(self, name: str, *, no_cache: str = "") -> None:
        if no_cache:
            annotations = {"fission.io/no-build-cache": no_cache}
            patch: Obj = {"metadata": {"annotations": annotations}}
            await self.kube.patch(resources.PACKAGES, name, patch, "default")
        patch = {"status": {"buildstatus": "pending"}}
        await self.kube.patch(resources.PACKAGES, name, patch, "default", subresource="status")

    async def create_function(self, name: str, package: Obj, **metadata: Any) -> Obj:
        reference = {
            "namespace": "default",
            "name": package["metadata"]["name"],
            "resourceversion": package["metadata"]["resourceVersion"],
        }
        spec = {
            "environment": {"namespace": "default", "name": "python"},
            "package": {"packageref": reference, "functionName": "main"},
            "InvokeStrategy": {"ExecutionStrategy": {"ExecutorType": "poolmgr"}},
        }
        obj = _ours("Function", name, spec)
        obj["metadata"] |= metadata
        return await self.kube.create(resources.FUNCTIONS, obj)

    async def package(self, name: str) -> package_types.Package:
        found = await self.kube.get(resources.PACKAGES, name, "default")
        return objects.decode(package_types.Package, found)

    async def until_package(
        self,
        name: str,
        holds: str | Callable[[package_types.Package], object],
        seconds: float = 15.0,
    ) -> package_types.Package:
        """Wait for a build status, or for what ``holds`` asks."""

        async def look() -> package_types.Package | None:
            found = await self.package(name)
            if isinstance(holds, str):
                return found if found.status.build_status == holds else None
            return found if holds(found) else None

        try:
            return await self.eventually(look, seconds)
        except TimeoutError:
            raise AssertionError(f"{name} stays {(await self.package(name)).status}") from None

    async def eventually(self, holds: Callable[[], Awaitable[Any]], seconds: float = 15.0) -> Any:
        async with asyncio.timeout(seconds):
            while True:
                found = await holds()
                if found:
                    return found
                await asyncio.sleep(0.01)

    async def builder_pod(self) -> RunningPod:
        await waits.until(lambda: self.node.pods, seconds=10)
        return next(iter(self.node.pods.values()))

    async def deployments(self) -> list[Obj]:
        chosen = {"owner": "buildermgr"}
        return (await self.kube.list(gvk.DEPLOYMENTS, "default", label_selector=chosen)).items

    async def events(self, reason: str) -> list[Obj]:
        found = (await self.kube.list(gvk.EVENTS, "default")).items
        return [one for one in found if one.get("reason") == reason]

    async def archive(self, package: package_types.Package) -> bytes:
        """The deployment archive, from storagesvc, over the wire."""
        masters = signing.Masters(cliplatform.SECRET)
        found = await self.kube.get(gvk.ENDPOINTSLICES, "storagesvc", "fission")
        port = found["ports"][0]["port"]
        target = package.spec.deployment.url.removeprefix("http://storagesvc.fission")
        key = masters.keys(signing.STORAGESVC, "default").current
        assert key is not None
        now = clocks.SystemClock().now().timestamp()
        headers = signing.headers(key, "GET", target, b"", now, namespace="default")
        response = await self.http.request("GET", f"http://127.0.0.1:{port}{target}", headers)
        assert response.status == 200
        return await response.read()


@contextlib.asynccontextmanager
async def cluster(
    folder: pathlib.Path, *, own_process: bool = False, **settings: Any
) -> AsyncIterator[World]:
    """Everything, with buildermgr running."""
    async with apiserver.running() as api, http_client.Client() as http:
        kube = kube_client.Client(kube_config.load({"KUBE_API_SOCKET": api.socket}), http=http)
        for crd in install.load_crds():
            await install.apply(kube, gvk.CRDS, crd)
        node = Node(kube, folder / "pods", api.socket)
        node.own_process = own_process
        beside = [
            asyncio.ensure_future(reconcilers.run(kube, clocks.SystemClock(), "CERTIFICATE")),
            asyncio.ensure_future(node.run()),
        ]
        chosen = config.Config(tenancy_mode="cluster", log_interval_seconds=0.05, **settings)
        world = World(kube, node, http, chosen)
        try:
            async with cliplatform.installed(api, folder / "archives"):
                await world.start_buildermgr()
                yield world
                await world.stop_buildermgr()
        finally:
            await world.stop_buildermgr()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


def a_source(script: str) -> Obj:
    """A literal source archive with an executable ``build.sh`` and a module."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text, mode in (("build.sh", script, 0o755), ("main.py", "x = 1\n", 0o644)):
            member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            member.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(member, text)
    return {"type": "literal", "literal": base64.b64encode(content.getvalue()).decode()}


def _container(pod: Obj, name: str) -> Obj:
    found: Obj = next(one for one in pod["spec"]["containers"] if one["name"] == name)
    return found


def _real_port(pod: Obj, declared: str) -> int:
    return int(json.loads(pod["metadata"]["annotations"]["kubelet/port-map"])[declared])


def _ours(kind: str, name: str, spec: Obj) -> Obj:
    return {
        "apiVersion": "fission.io/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }
