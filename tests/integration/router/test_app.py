"""The whole router against the embedded API server: informers, conditions, signatures, restarts."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.resources
import json
import socket
import time
from typing import TYPE_CHECKING

import yaml

from fission.base import clock as clocks
from fission.contracts import signing
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.router import app, config
from fission_http import client as http_client
from fission_http import server as servers
from tests.support import apiserver, routing, waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Any

FISSION = "/apis/fission.io/v1/namespaces/default"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


async def hello(request: servers.Request) -> servers.Response:
    return servers.Response(200, [], b"hello " + await request.read(100))


async def define_kinds(api: apiserver.Running) -> None:
    folder = importlib.resources.files("fission.api") / "crds"
    for entry in folder.iterdir():
        if entry.name.endswith(("functions.yaml", "httptriggers.yaml")):
            wire = yaml.safe_load(entry.read_text())
            path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
            assert (await api.call("POST", path, wire)).status == 201
    for plural in ("functions", "httptriggers"):

        async def served(path: str = f"{FISSION}/{plural}") -> bool:
            return (await api.call("GET", path)).status == 200

        await waiting.until_so(served)


async def create(api: apiserver.Running, path: str, wire: dict[str, Any]) -> dict[str, Any]:
    for name in ("uid", "resourceVersion", "generation", "creationTimestamp"):
        wire["metadata"].pop(name, None)
    answer = await api.call("POST", path, wire)
    assert answer.status == 201, answer.body
    return dict(answer.body)


def a_slice_for(function: dict[str, Any], address: tuple[str, int]) -> dict[str, Any]:
    wire = routing.a_slice("pods", [address])
    wire |= {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4"}
    wire["metadata"]["labels"]["functionUid"] = function["metadata"]["uid"]
    wire["metadata"]["labels"]["fission.io/function-generation"] = "1"
    return wire


@contextlib.asynccontextmanager
async def serving(
    api: apiserver.Running, masters: signing.Masters, sockets: list[socket.socket]
) -> AsyncIterator[app.App]:
    """A router on duplicates of these sockets, as handed over."""
    credentials = kube_config.from_unix_socket(f"unix://{api.socket}")
    async with kube_client.Client(credentials) as kube:
        deps = app.Deps(
            kube=kube,
            masters=masters,
            clock=clocks.SystemClock(),
            public=[sockets[0].dup()],
            internal=[sockets[1].dup()],
        )
        built = app.build(config.Config(tenancy_mode="cluster", grace_seconds=1.0), deps)
        task = asyncio.create_task(built.run())
        try:
            yield built
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_the_router_serves_what_the_api_declares():
    pod = await routing.Pod(hello).start()
    masters = signing.Masters(current=b"0123456789abcdef0123456789abcdef")
    key = masters.keys(signing.ROUTER_INTERNAL).current
    assert key is not None
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    public, internal = (f"http://127.0.0.1:{each.getsockname()[1]}" for each in sockets)
    async with http_client.Client() as client, contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(apiserver.running())
        await define_kinds(api)
        function = await create(api, f"{FISSION}/functions", routing.a_function())
        await create(api, SLICES, a_slice_for(function, pod.address))
        await create(api, f"{FISSION}/httptriggers", routing.a_trigger("t", relativeurl="/hello"))
        await create(api, f"{FISSION}/httptriggers", routing.a_trigger("u", relativeurl="/u"))
        await create(
            api, f"{FISSION}/httptriggers", routing.a_trigger("v", "none", relativeurl="/v")
        )

        async def conditions(name: str) -> dict[str, tuple[str, str]]:
            answer = await api.call("GET", f"{FISSION}/httptriggers/{name}")
            found = answer.body.get("status", {}).get("conditions", [])
            return {each["type"]: (each["status"], each["reason"]) for each in found}

        # connections wait in the queue of the handed-over socket until the router is there
        early = asyncio.create_task(client.request("GET", f"{public}/hello"))
        async with serving(api, masters, sockets):
            assert (await (await early).read()) == b"hello "
            for name in ("t", "v"):
                await waiting.until_so(lambda name=name: conditions(name))
            assert await conditions("t") == {
                "Ready": ("True", "RouteAdmitted"),
                "RouteAdmitted": ("True", "RouteAdmitted"),
            }
            assert (await conditions("v"))["Ready"] == ("False", "FunctionNotFound")

            unsigned = await client.request("POST", f"{internal}/fission-function/hello")
            assert (unsigned.status, await unsigned.read()) == (401, b"")
            uri, body = "/fission-function/hello?a=b", b"event"
            signed = signing.headers(key, "POST", uri, body, time.time())
            answer = await client.request("POST", internal + uri, signed, body)
            assert (answer.status, await answer.read()) == (200, b"hello event")
            answer = await client.request("POST", internal + uri, signed, b"other")
            assert answer.status == 401
            await answer.aclose()

            await api.call("DELETE", f"{FISSION}/httptriggers/u")

            async def gone() -> bool:
                answer = await client.request("GET", f"{public}/u")
                await answer.read()
                return answer.status == 404

            await waiting.until_so(gone)
        # the next router takes over on the same sockets
        early = asyncio.create_task(client.request("GET", f"{public}/hello"))
        async with serving(api, masters, sockets) as built:
            assert (await (await early).read()) == b"hello "
            await waiting.until(lambda: built.core.catalog.built)
            await stack.aclose()
            # warm traffic needs neither the API server nor an executor
            for _ in range(3):
                answer = await client.request("GET", f"{public}/hello")
                assert (await answer.read()) == b"hello "
            ready = await client.request("GET", f"{public}/readyz")
            assert ready.status == 200
            await ready.aclose()
    for each in sockets:
        each.close()
    await pod.stop()


def test_settings_are_read_by_their_names():
    env = {
        "ROUTER_ROUND_TRIP_TIMEOUT": "100ms",
        "FISSION_RESOURCE_NAMESPACES": "a, b,default",
        "FISSION_FUNCTION_NAMESPACE": "fission-function",
        "ROUTER_PORT": "tcp://10.0.0.1:80",
    }
    settings = config.from_env(env)
    assert settings.dial_timeout_seconds == 0.1
    assert settings.namespaces == ["default", "a", "b"]
    assert settings.pod_namespaces == ["default", "a", "b", "fission-function"]
    assert config.from_env({"FISSION_TENANCY_MODE": "cluster"}).namespaces == [None]


def test_executors_are_found_by_their_slices():
    wire = {
        "ports": [{"name": "", "port": 41000}],
        "endpoints": [
            {"addresses": ["127.0.0.9"], "conditions": {"ready": True}},
            {"addresses": ["127.0.0.8"], "conditions": {"ready": False}},
        ],
    }
    assert app.executor_urls([wire]) == ["http://127.0.0.9:41000"]
    assert json.dumps(app.executor_urls([])) == "[]"
