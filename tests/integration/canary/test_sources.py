"""Counts are had from every router, or from a Prometheus, or the answer is that they are not."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from urllib import parse

import pytest

from fission.api import canaryconfig_types
from fission.canary import counts, plan, sources
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.meta import gvk
from fission.web import client as web_client
from fission.web import listen
from fission_http import client as http_client
from fission_http import server
from tests.integration.canary.test_canary import a_slice
from tests.support import apiserver

SUBJECT = counts.Subject("default", "v2", "/hello", frozenset({"GET"}))
WINDOW = canaryconfig_types.CanaryWindow(since="2026-01-01T00:00:00Z")
Answer = Callable[[server.Request], server.Response]


@contextlib.asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[int]:
    async def handle(request: server.Request) -> server.Response:
        return answer(request)

    opened = listen.bind("127.0.0.1", 0)
    running = await server.serve(handle, [opened])
    try:
        yield opened.getsockname()[1]
    finally:
        await running.close(0.1)


def a_page(calls: int) -> bytes:
    labels = (
        'function_namespace="default",function_name="v2",function_version="",'
        'path="/hello",method="GET",code="200"'
    )
    return (
        f"process_start_time_seconds 1.0\nfission_function_calls_total{{{labels}}} {calls}.0\n"
    ).encode()


async def test_a_router_that_does_not_tell_leaves_everything_open() -> None:
    status = 200

    def answer(request: server.Request) -> server.Response:
        assert request.path == "/metrics"
        return server.Response(status, body=a_page(7))

    async with apiserver.running() as api, http_client.Client() as http, serving(answer) as port:
        kube = kube_client.Client(kube_config.load({"KUBE_API_SOCKET": api.socket}), http=http)
        await kube.create(gvk.NAMESPACES, {"metadata": {"name": "fission"}})
        source = sources.Routers(kube, web_client.HttpClient(http=http), "fission")
        with pytest.raises(sources.Unavailable, match="no router is ready"):
            await source.begin(SUBJECT)
        await kube.create(gvk.ENDPOINTSLICES, a_slice(port))
        (found,) = await source.begin(SUBJECT)
        assert (found.calls, found.errors, found.started) == (7, 0, "1.0")
        status = 500
        with pytest.raises(sources.Unavailable, match="answered 500"):
            await source.begin(SUBJECT)
        with contextlib.closing(listen.bind("127.0.0.1", 0)) as nobody:
            gone = a_slice(nobody.getsockname()[1])
        status = 200
        gone["metadata"]["name"] = "router-2"
        await kube.create(gvk.ENDPOINTSLICES, gone)
        with pytest.raises(sources.Unavailable, match="does not answer"):
            await source.begin(SUBJECT)


async def test_prometheus_is_asked_for_calls_and_errors() -> None:
    asked = []

    def answer(request: server.Request) -> server.Response:
        (query,) = parse.parse_qs(request.query)["query"]
        asked.append((request.path, query))
        value = "40.2" if counts.CALLS in query else "3"
        result = [{"metric": {}, "value": [1.0, value]}]
        body = {"status": "success", "data": {"resultType": "vector", "result": result}}
        return server.Response(200, body=json.dumps(body).encode())

    async with http_client.Client() as http, serving(answer) as port:
        client = web_client.HttpClient(http=http)
        source = sources.Prometheus(client, f"http://127.0.0.1:{port}/")
        assert await source.begin(SUBJECT) == []
        assert await source.end(SUBJECT, WINDOW, 60.0) == plan.Counted(40, 3)
        assert {path for path, _ in asked} == {"/api/v1/query"}
        assert all(query.endswith("[60s]))") for _, query in asked)
    source = sources.Prometheus(web_client.HttpClient(), "http://127.0.0.1:1")
    with pytest.raises(sources.Unavailable):
        await source.end(SUBJECT, WINDOW, 60.0)
