"""A namespace that is watched, a listener in the router's place, and kubewatchers to start and end.

The functions' answers are the test's: what it does not say is 200.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import dataclasses
import itertools
import json
import pathlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import prometheus_client
import yaml

import fission.api
from fission.api import resources
from fission.base import clock as clocks
from fission.base import ids
from fission.contracts import signing
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.kubewatcher import app, config
from fission.meta import conditions, gvk, status
from fission.web import client as web_client
from fission.web import listen
from fission_http import server as servers
from tests.support import apiserver, component
from tests.support import waiting as waits

Obj = dict[str, Any]
CRDS = pathlib.Path(fission.api.__file__).parent / "crds"
MASTER = "0123456789abcdef0123456789abcdef"


@dataclasses.dataclass(frozen=True)
class Told:
    """One call as the function got it."""

    function: str
    type: str
    kind: str
    name: str
    body: bytes
    headers: dict[str, str]

    @property
    def object(self) -> Obj:
        return json.loads(self.body)  # type: ignore[no-any-return]


Answer = Callable[[Told], Awaitable[servers.Response]]


async def accept(told: Told) -> servers.Response:
    """Answer as a function that is content."""
    return servers.Response(200, (), b"ok")


@dataclasses.dataclass
class World:
    """One test's namespace."""

    kube: kube_client.Client
    api: apiserver.Running
    namespace: str
    router_url: str
    told: list[Told]
    folder: pathlib.Path
    answer: Answer = accept
    running: asyncio.Task[None] | None = None
    registry: prometheus_client.CollectorRegistry | None = None

    _listening: socket.socket | None = None
    _server: servers.Server | None = None

    @property
    def events(self) -> list[tuple[str, str]]:
        """Types and names, in the order in which the function was called."""
        return [(each.type, each.name) for each in self.told]

    async def start(self, kube: kube_client.Client | None = None, **changes: Any) -> None:
        """A kubewatcher in this process."""
        self.running = await self.start_another(kube, **changes)

    async def start_another(
        self, kube: kube_client.Client | None = None, **changes: Any
    ) -> asyncio.Task[None]:
        """A kubewatcher that is the test's to end."""
        settings = config.Config(
            tenancy_mode="cluster",
            router_url=self.router_url,
            attempts=2,
            journal_interval_seconds=0.02,
            retry_seconds=0.1,
        )
        self.registry = prometheus_client.CollectorRegistry()
        http = web_client.HttpClient()
        deps = app.Deps(
            kube=kube or self.kube,
            http=http,
            masters=signing.Masters(MASTER.encode()),
            clock=clocks.SystemClock(),
            instance_id=ids.short_id(8),
            registry=self.registry,
        )
        made = app.make(dataclasses.replace(settings, **changes), deps)

        async def serve() -> None:
            async with http:
                await made.run([listen.bind("127.0.0.1", 0)])

        running = asyncio.ensure_future(serve())
        await waits.until(lambda: made.is_ready or running.done(), seconds=10.0)
        if running.done():
            running.result()
        return running

    async def stop(self) -> None:
        """End it as SIGTERM does."""
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)
            self.running = None

    @contextlib.contextmanager
    def process(self) -> Iterator[component.Component]:
        """A kubewatcher as a process, to be killed."""
        settings = {
            "KUBE_API_SOCKET": self.api.socket,
            "FISSION_ROUTER_INTERNAL_URL": self.router_url,
            "FISSION_INTERNAL_AUTH_SECRET": MASTER,
            "FISSION_TENANCY_MODE": "cluster",
        }
        words = ["-m", "fission.bundle.serve", "kubewatcher"]
        log = self.folder / "kubewatcher.log"
        made = component.Component(words, "http", settings, log, "/readyz")
        try:
            yield made
        finally:
            made.close()

    def count(self, metric: str, **labels: str) -> float:
        """A sample of the last kubewatcher that was started."""
        assert self.registry is not None
        chosen = {"namespace": self.namespace, **labels} if labels else {}
        return self.registry.get_sample_value(metric, chosen) or 0.0

    def open_watches(self) -> float:
        return self.count("fission_kubewatcher_watches")

    async def open_router(self) -> None:
        """Listen in the router's place, where it was before."""
        host, port = self.router_url.removeprefix("http://").split(":")
        self._listening = listen.bind(host, int(port))
        self._server = await servers.serve(self.handle, [self._listening])

    async def close_router(self) -> None:
        if self._server is not None:
            await self._server.close(0)
            self._server = None

    async def events_of(self, reason: str) -> list[Obj]:
        """Kubernetes Events for that reason, once there are any."""
        found: list[Obj] = []

        async def holds() -> bool:
            nonlocal found
            listed = await self.kube.list(gvk.EVENTS, self.namespace)
            found = [each for each in listed.items if each["reason"] == reason]
            return bool(found)

        await waits.until_so(holds)
        return found

    async def gap_is(self, message: str) -> bool:
        """Whether the status tells of that gap."""
        state = (await self.trigger()).get("status") or {}
        return bool((state.get("lastGap") or {}).get("message") == message)

    async def grant(self, account: str, *plurals: str) -> None:
        """Let a platform account read core resources of this namespace."""
        rule = {"apiGroups": [""], "resources": list(plurals), "verbs": ["get", "list", "watch"]}
        metadata = {"name": "granted", "namespace": self.namespace}
        await self.kube.create(gvk.ROLES, {"metadata": metadata, "rules": [rule]})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "granted"}
        subject = {"kind": "ServiceAccount", "name": account, "namespace": "fission"}
        binding = {"metadata": metadata, "roleRef": reference, "subjects": [subject]}
        await self.kube.create(gvk.ROLEBINDINGS, binding)

    async def credentials_of(self, account: str) -> kube_config.Credentials:
        """What a pod of the platform with this account has, over TLS."""
        for resource, obj in (
            (gvk.NAMESPACES, {"metadata": {"name": "fission"}}),
            (gvk.SERVICEACCOUNTS, {"metadata": {"name": account, "namespace": "fission"}}),
        ):
            with contextlib.suppress(status.AlreadyExists):
                await self.kube.create(resource, obj)
        wanted = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        }
        made = await self.kube.create(
            gvk.SERVICEACCOUNTS, wanted, "fission", name=account, subresource="token"
        )
        ca = base64.b64encode(await asyncio.to_thread(pathlib.Path(self.api.ca).read_bytes))
        server = {"server": self.api.url, "certificate-authority-data": ca.decode()}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "clusters": [{"name": "c", "cluster": server}],
            "users": [{"name": "c", "user": {"token": made["status"]["token"]}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        }
        path = self.folder / "kubeconfig"
        await asyncio.to_thread(path.write_text, yaml.safe_dump(document))
        return kube_config.load({"KUBECONFIG": str(path)})

    async def create_trigger(self, name: str = "t", type_: str = "configmaps", **spec: Any) -> Obj:
        wire = {
            "apiVersion": "fission.io/v1",
            "kind": "KubernetesWatchTrigger",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "namespace": self.namespace,
                "type": type_,
                "functionref": {"type": "name", "name": "hello"},
                **spec,
            },
        }
        return await self.kube.create(resources.KUBERNETESWATCHTRIGGERS, wire)

    async def trigger(self, name: str = "t") -> Obj:
        return await self.kube.get(resources.KUBERNETESWATCHTRIGGERS, name, self.namespace)

    async def subscribed(self, name: str = "t", value: str = "True", seconds: float = 5.0) -> Obj:
        """Wait for the condition; it."""
        found: Obj = {}

        async def holds() -> bool:
            nonlocal found
            state = (await self.trigger(name)).get("status") or {}
            found = conditions.get(state.get("conditions"), "Subscribed") or {}
            return found.get("status") == value

        await waits.until_so(holds, seconds)
        return found

    async def delivered(self, count: int, name: str = "t") -> Obj:
        """Wait for the record of so many deliveries; it."""
        record: Obj = {}

        async def holds() -> bool:
            nonlocal record
            record = ((await self.trigger(name)).get("status") or {}).get("delivery") or {}
            return bool(record.get("delivered", 0) >= count)

        await waits.until_so(holds, 8.0)
        return record

    async def lagging(self, count: int, name: str = "t") -> None:
        """Wait until at least so many events wait."""
        metric = "fission_kubewatcher_lag"
        await waits.until(lambda: self.count(metric, trigger=name) >= count)

    async def put(self, name: str, text: str = "", **labels: str) -> Obj:
        """Create a ConfigMap."""
        wire = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": self.namespace, "labels": labels},
            "data": {"text": text},
        }
        return await self.kube.create(gvk.CONFIGMAPS, wire)

    async def change(self, name: str, text: str) -> Obj:
        patch = {"data": {"text": text}}
        return await self.kube.patch(gvk.CONFIGMAPS, name, patch, self.namespace)

    async def remove(self, name: str) -> None:
        await self.kube.delete(gvk.CONFIGMAPS, name, self.namespace)

    async def journal(self) -> Obj | None:
        """The journal of the one trigger."""
        found = await self.kube.list(
            gvk.CONFIGMAPS, self.namespace, label_selector="fission.io/watch-journal"
        )
        return found.items[0] if found.items else None

    async def journaled(self, count: int) -> None:
        """Wait until the journal knows so many objects."""

        async def holds() -> bool:
            found = await self.journal()
            return bool(found and found["data"]["objects"] == str(count))

        await waits.until_so(holds)

    async def forget_history(self) -> None:
        """What compaction does to all that happened until now."""
        await self.put("past-the-horizon")
        await self.remove("past-the-horizon")
        store = self.api.server.store
        await store.compact(store.revision)

    async def until_told(self, *expected: tuple[str, str], seconds: float = 5.0) -> None:
        """Wait for these events, in this order and no others."""
        with contextlib.suppress(TimeoutError):
            await waits.until(lambda: len(self.events) >= len(expected), seconds)
        assert self.events == list(expected)

    async def handle(self, request: servers.Request) -> servers.Response:
        body = await request.read(64 << 20)
        headers = {name.lower(): value for name, value in request.headers.items()}
        signing.verify(
            signing.Masters(MASTER.encode()).keys(signing.ROUTER_INTERNAL),
            request.method,
            request.target,
            signing.body_hash(body),
            request.headers.get(signing.TIMESTAMP_HEADER),
            request.headers.get(signing.SIGNATURE_HEADER),
            clocks.SystemClock().now().timestamp(),
        )
        told = Told(
            request.path,
            headers["x-kubernetes-event-type"],
            headers["x-kubernetes-object-type"],
            json.loads(body)["metadata"]["name"],
            body,
            headers,
        )
        self.told.append(told)
        return await self.answer(told)


@contextlib.asynccontextmanager
async def cluster() -> AsyncIterator[apiserver.Running]:
    """An API server with our kinds."""
    async with apiserver.running() as server:
        for path in sorted(CRDS.glob("*.yaml")):
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            answer = await server.call("POST", gvk.CRDS.path(), document)
            assert answer.status == 201, answer.body

        async def served() -> bool:
            path = resources.KUBERNETESWATCHTRIGGERS.path()
            return (await server.call("GET", path)).status == 200

        await waits.until_so(served)
        yield server


_numbers = itertools.count()


@contextlib.asynccontextmanager
async def world(api: apiserver.Running, folder: pathlib.Path) -> AsyncIterator[World]:
    """A namespace of its own."""
    namespace = f"watched-{next(_numbers)}"
    credentials = kube_config.load({"KUBE_API_SOCKET": api.socket})
    with socket.create_server(("127.0.0.1", 0)) as free:
        host, port = free.getsockname()[:2]
    async with kube_client.Client(credentials) as kube:
        await kube.create(gvk.NAMESPACES, {"metadata": {"name": namespace}})
        made = World(kube, api, namespace, f"http://{host}:{port}", [], folder)
        await made.open_router()
        try:
            yield made
        finally:
            await made.stop()
            found = await kube.list(resources.KUBERNETESWATCHTRIGGERS, namespace)
            for trigger in found.items:
                name = trigger["metadata"]["name"]
                await kube.delete(resources.KUBERNETESWATCHTRIGGERS, name, namespace)
            await made.close_router()
