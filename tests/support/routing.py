"""A router's data plane between a fake executor and pods made here, over real sockets."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from fission.base import clock as clocks
from fission.base import tasks
from fission.router import config, core, executor_client, gateway
from fission.web import client as web_client
from fission.web import failures
from fission.web import service as services
from fission_http import client as http_client
from fission_http import server as servers

Handler = Callable[[servers.Request], Awaitable[servers.Response]]


def a_function(name: str = "hello", **spec: Any) -> dict[str, Any]:
    """A Function in wire form; `executor_type` and metadata overrides by keyword."""
    metadata = {
        "name": name,
        "namespace": spec.pop("namespace", "default"),
        "uid": spec.pop("uid", f"uid-{name}"),
        "resourceVersion": spec.pop("resource_version", "7"),
        "generation": spec.pop("generation", 1),
        "annotations": spec.pop("annotations", {}),
    }
    executor_type = spec.pop("executor_type", "poolmgr")
    return {
        "apiVersion": "fission.io/v1",
        "kind": "Function",
        "metadata": metadata,
        "spec": {
            "environment": {"namespace": metadata["namespace"], "name": "python"},
            "package": {"packageref": {"namespace": metadata["namespace"], "name": "p"}},
            "InvokeStrategy": {
                "StrategyType": "execution",
                "ExecutionStrategy": {"ExecutorType": executor_type},
            },
            **spec,
        },
    }


def a_trigger(name: str, function: str = "hello", **spec: Any) -> dict[str, Any]:
    """An HTTPTrigger in wire form."""
    created = spec.pop("created", "2026-01-01T00:00:00Z")
    reference = spec.pop("functionref", {"type": "name", "name": function})
    spec.setdefault("methods", ["GET"])
    spec.setdefault("relativeurl", "")
    return {
        "apiVersion": "fission.io/v1",
        "kind": "HTTPTrigger",
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"uid-{name}",
            "generation": 1,
            "resourceVersion": "5",
            "creationTimestamp": created,
        },
        "spec": {"functionref": reference, **spec},
    }


def a_slice(
    name: str, addresses: list[tuple[str, int]], function: str = "hello", generation: int = 1
) -> dict[str, Any]:
    """An EndpointSlice of a function's headless Service; all addresses share one port."""
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "labels": {
                "functionName": function,
                "functionNamespace": "default",
                "functionUid": f"uid-{function}",
                "fission.io/function-generation": str(generation),
                "kubernetes.io/service-name": f"fn-{function}",
            },
        },
        "ports": [{"name": "http-env", "port": addresses[0][1]}] if addresses else [],
        "endpoints": [
            {"addresses": [host], "conditions": {"ready": True}} for host, _ in addresses
        ],
    }


class Pod:
    """A server that stands for a function's pod."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.requests: list[servers.Request] = []

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Pod:
        listening = socket.create_server((host, port))
        self.address = listening.getsockname()
        self._server = await servers.serve(self._serve, [listening])
        return self

    async def _serve(self, request: servers.Request) -> servers.Response:
        self.requests.append(request)
        return await self._handler(request)

    async def stop(self) -> None:
        await self._server.close(0.0)


class FakeExecutor:
    """The executor's HTTP wire; hands out the addresses in `addresses`, the last one for ever."""

    def __init__(self) -> None:
        self.addresses: list[tuple[str, int]] = []
        self.failure: tuple[int, str] | None = None
        self.calls: collections.Counter[str] = collections.Counter()
        self.taps: list[dict[str, Any]] = []
        self.untaps: list[dict[str, Any]] = []
        self.hold: asyncio.Event | None = None
        self._service = services.Service("executor", shape=failures.Shape.TEXT)
        self._service.route("POST", "/v2/getServiceForFunction", self._get)
        self._service.route("POST", "/v2/ensureCapacity", self._get)
        self._service.route("POST", "/v2/tapServices", self._tap)
        self._service.route("POST", "/v2/unTapService", self._untap)

    async def start(self, port: int = 0) -> None:
        listening = socket.create_server(("127.0.0.1", port))
        self.port = listening.getsockname()[1]
        await self._service.start([listening])

    async def stop(self) -> None:
        await self._service.stop(0.0)

    async def _get(self, request: services.Request) -> services.Response:
        self.calls[request.path.rpartition("/")[2]] += 1
        body = json.loads(await request.read())
        assert (body.get("function") or body)["kind"] == "Function"
        if self.hold is not None:
            await self.hold.wait()
        if self.failure is not None:
            status, text = self.failure
            return services.Response(status, [], text.encode())
        host, port = self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]
        return services.Response(200, [], f"{host}:{port}".encode())

    async def _tap(self, request: services.Request) -> services.Response:
        self.taps.extend(json.loads(await request.read()))
        return services.Response(200)

    async def _untap(self, request: services.Request) -> services.Response:
        self.untaps.append(json.loads(await request.read()))
        return services.Response(200)


@dataclasses.dataclass
class Routed:
    """A running data plane and what surrounds it."""

    core: core.Core
    executor: FakeExecutor
    public: str
    internal: str
    client: http_client.Client

    def add(self, *objects: dict[str, Any]) -> None:
        """Let the router know functions, triggers and slices."""
        for wire in objects:
            if "endpoints" in wire:
                self.core.index.changed(None, wire)
            elif wire["kind"] == "Function":
                self.core.catalog.function_changed(None, wire)
            else:
                self.core.catalog.trigger_changed(None, wire)
        self.core.catalog.rebuild()

    async def call(
        self, method: str, path: str, *, internal: bool = False, **more: Any
    ) -> web_client.Answer:
        """A request and its whole answer."""
        url = (self.internal if internal else self.public) + path
        response = await self.client.request(method, url, **more)
        return web_client.Answer(response, await response.read())


def failures_of(routed: Routed) -> dict[str, int]:
    """How often the platform answered, or cut off, for which reason."""
    (family,) = (
        each for each in routed.core.metrics.collect() if each.name == "fission_invocation_failures"
    )
    return {sample.labels["reason"]: int(sample.value) for sample in family.samples}


@contextlib.asynccontextmanager
async def a_router(
    settings: config.Config | None = None, verify: gateway.Verify | None = None, **more: Any
) -> AsyncIterator[Routed]:
    """A router on free ports, with an executor; `more` goes to `core.Core`."""
    executor = FakeExecutor()
    await executor.start()
    http = web_client.HttpClient()

    async def locate() -> list[str]:
        return [f"http://127.0.0.1:{executor.port}"]

    client = executor_client.ExecutorClient(http, locate, 5.0)
    async with tasks.Tasks() as work, http_client.Client() as caller:
        settings = settings or config.Config()
        data_plane = core.Core(settings, client, work, clocks.SystemClock(), verify=verify, **more)
        public = socket.create_server(("127.0.0.1", 0))
        internal = socket.create_server(("127.0.0.1", 0))
        urls = [f"http://127.0.0.1:{item.getsockname()[1]}" for item in (public, internal)]
        await data_plane.start([public], [internal])
        data_plane.catalog.rebuild()
        try:
            yield Routed(data_plane, executor, urls[0], urls[1], caller)
        finally:
            await data_plane.close(0.05)
            await http.aclose()
            await executor.stop()
