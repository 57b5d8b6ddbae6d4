"""The parts of a platform that the command reaches through the API server's service proxy."""

import base64
import contextlib
import dataclasses
import pathlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from fission.base import clock, tasks
from fission.contracts import invocation, signing
from fission.delivery import finders
from fission.delivery import statestore as clients
from fission.meta import gvk
from fission.statestore import app as statestore
from fission.statestore import config as statestore_config
from fission.statestore import store as statestores
from fission.storagesvc import app as storagesvc
from fission.storagesvc import config as storagesvc_config
from fission.storagesvc import local
from fission_http import client as http_client
from fission_http import server
from tests.support import apiserver

Handler = Callable[[server.Request], Awaitable[server.Response]]

SECRET = b"0123456789abcdef0123456789abcdef"
NAMESPACE = "fission"


@dataclasses.dataclass
class Router:
    """A listener in the router's place: checks signatures, remembers calls, answers as told."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"hello\n"
    misses: int = 0
    calls: list[tuple[str, str, bytes]] = dataclasses.field(default_factory=list)
    received: dict[str, str] = dataclasses.field(default_factory=dict)

    async def handle(self, request: server.Request) -> server.Response:
        """Answer one call."""
        body = await request.read(1 << 20)
        try:
            signing.verify(
                signing.Masters(SECRET).keys(signing.ROUTER_INTERNAL),
                request.method,
                request.target,
                signing.body_hash(body),
                request.headers.get(signing.TIMESTAMP_HEADER),
                request.headers.get(signing.SIGNATURE_HEADER),
                clock.SystemClock().now().timestamp(),
            )
        except signing.SignatureError:
            return server.Response(401)
        if self.misses:
            self.misses -= 1
            return server.Response(404, [(invocation.ROUTE_MISS, "1")], b"404 page not found")
        self.calls.append((request.method, request.target, body))
        self.received = {name.lower(): value for name, value in request.headers.items()}
        return server.Response(self.status, self.headers, self.body)


@contextlib.asynccontextmanager
async def installed(cluster: apiserver.Running, folder: pathlib.Path) -> AsyncIterator[None]:
    """Storagesvc and a place for a router, with their Services, and the secret of signatures."""
    await _put(cluster, gvk.NAMESPACES, None, {"metadata": {"name": NAMESPACE}})
    secret = base64.b64encode(SECRET).decode()
    await _put(
        cluster,
        gvk.SECRETS,
        NAMESPACE,
        {"metadata": {"name": signing.SECRET_NAME}, "data": {"secret": secret}},
    )
    store = local.LocalStore(folder)
    await store.prepare()
    listening = listen()
    made = storagesvc.build(
        storagesvc_config.Config(),
        storagesvc.Deps(store, None, signing.Masters(SECRET), clock.SystemClock()),
    )
    labels = {"application": "fission-storage"}
    await _serve_as(cluster, "storagesvc", 80, "http", listening, labels)
    async with tasks.Tasks() as group:
        group.run(made.run([listening]), "storagesvc")
        yield


@contextlib.asynccontextmanager
async def routed(cluster: apiserver.Running) -> AsyncIterator[Router]:
    """A router to call functions through."""
    router = Router()
    async with serving(cluster, "router-internal", 8889, "http-internal", router.handle):
        yield router


@contextlib.asynccontextmanager
async def serving(
    cluster: apiserver.Running, name: str, port: int, port_name: str, handler: Handler
) -> AsyncIterator[None]:
    """A Service behind which a handler of this process answers."""
    listening = listen()
    running = await server.serve(handler, [listening])
    await _serve_as(cluster, name, port, port_name, listening, {})
    try:
        yield
    finally:
        await running.close(0)


async def _serve_as(
    cluster: apiserver.Running,
    name: str,
    port: int,
    port_name: str,
    listening: socket.socket,
    labels: dict[str, str],
) -> None:
    """A Service whose one endpoint is a socket of this process."""
    service = {
        "metadata": {"name": name, "labels": labels},
        "spec": {"ports": [{"name": port_name, "port": port, "targetPort": port_name}]},
    }
    endpoints = {
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
        "ports": [{"name": port_name, "port": listening.getsockname()[1], "protocol": "TCP"}],
    }
    await _put(cluster, gvk.SERVICES, NAMESPACE, service)
    await _put(cluster, gvk.ENDPOINTSLICES, NAMESPACE, endpoints)


async def _put(
    cluster: apiserver.Running, resource: gvk.Resource, namespace: str | None, obj: dict[str, Any]
) -> None:
    name = str(obj["metadata"]["name"])
    if resource is not gvk.NAMESPACES:
        await cluster.call("DELETE", resource.path(namespace, name))
    body = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
    answer = await cluster.call("POST", resource.path(namespace), body)
    assert answer.status in (201, 409), answer.body


def listen() -> socket.socket:
    """A listening socket on a free port."""
    return socket.create_server(("127.0.0.1", 0))


@contextlib.asynccontextmanager
async def statestored(
    cluster: apiserver.Running, folder: pathlib.Path
) -> AsyncIterator[clients.Statestore]:
    """Statestore with its Service, beside what ``installed`` has; its client."""
    listening = listen()
    made = statestore.App(
        statestore_config.Config(),
        statestore.Deps(statestores.File(folder), signing.Masters(SECRET), clock.SystemClock()),
    )
    await _serve_as(cluster, "statestore", 8891, "http", listening, {})
    async with tasks.Tasks() as group:
        group.run(made.run([listening]), "statestore")
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with http_client.Client() as http:
            where = finders.Fixed(url)
            yield clients.Statestore(http, signing.Masters(SECRET), where, clock.SystemClock())
