"""The whole router against the embedded API server: informers, conditions, signatures, restarts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time

from fission.contracts import signing
from fission.router import app, config
from fission_http import client as http_client
from fission_http import server as servers
from tests.support import apiserver, routerapp, routing, waiting

TRIGGERS = f"{routerapp.FISSION}/httptriggers"
FUNCTIONS = f"{routerapp.FISSION}/functions"


async def hello(request: servers.Request) -> servers.Response:
    return servers.Response(200, [], b"hello " + await request.read(100))


async def test_the_router_serves_what_the_api_declares():
    pod = await routing.Pod(hello).start()
    masters = signing.Masters(current=b"0123456789abcdef0123456789abcdef")
    key = masters.keys(signing.ROUTER_INTERNAL).current
    assert key is not None
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    public, internal = (f"http://127.0.0.1:{each.getsockname()[1]}" for each in sockets)
    async with http_client.Client() as client, contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(apiserver.running())
        await routerapp.define_kinds(api)
        function = await routerapp.create(api, FUNCTIONS, routing.a_function())
        await routerapp.create(api, routerapp.SLICES, routerapp.a_slice_for(function, pod.address))
        await routerapp.create(api, TRIGGERS, routing.a_trigger("t", relativeurl="/hello"))
        await routerapp.create(api, TRIGGERS, routing.a_trigger("u", relativeurl="/u"))
        await routerapp.create(
            api,
            TRIGGERS,
            routing.a_trigger("v", "none", relativeurl="/v"),
        )

        async def conditions(name: str) -> dict[str, tuple[str, str]]:
            answer = await api.call("GET", f"{routerapp.FISSION}/httptriggers/{name}")
            found = answer.body.get("status", {}).get("conditions", [])
            return {each["type"]: (each["status"], each["reason"]) for each in found}

        # connections wait in the queue of the handed-over socket until the router is there
        early = asyncio.create_task(client.request("GET", f"{public}/hello"))
        async with routerapp.serving(api, masters, sockets):
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

            await api.call("DELETE", f"{routerapp.FISSION}/httptriggers/u")

            async def gone() -> bool:
                answer = await client.request("GET", f"{public}/u")
                await answer.read()
                return answer.status == 404

            await waiting.until_so(gone)
        # the next router takes over on the same sockets
        early = asyncio.create_task(client.request("GET", f"{public}/hello"))
        async with routerapp.serving(api, masters, sockets) as built:
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
