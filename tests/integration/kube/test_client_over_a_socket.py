"""The client against a scripted server on a unix socket: what is sent, what answers become."""

import asyncio
import contextlib
import socket

import orjson
import pytest

from fission.kube import bearers, client, config, errors
from fission.meta import gvk, status
from fission_http import server


@contextlib.asynccontextmanager
async def a_server(tmp_path, handler):
    path = str(tmp_path / "api.sock")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    running = await server.serve(handler, [listening])
    try:
        yield path
    finally:
        await running.close(0.1)


@contextlib.asynccontextmanager
async def a_client(tmp_path, handler, bearer=bearers.NO_BEARER, **options):
    async with a_server(tmp_path, handler) as path:
        credentials = config.Credentials("http://localhost", unix_socket=path, bearer=bearer)
        async with client.Client(credentials, **options) as kube:
            yield kube


def answer(document, code=200, headers=()):
    return server.Response(
        code, [("Content-Type", "application/json"), *headers], orjson.dumps(document)
    )


def a_status(code, reason, **more):
    return {"kind": "Status", "code": code, "reason": reason, "message": reason.lower(), **more}


async def test_an_object_is_fetched(tmp_path):
    async def handler(request):
        assert request.method == "GET"
        assert request.path == "/api/v1/namespaces/default/pods/web"
        assert request.headers.get("accept") == "application/json"
        return answer({"kind": "Pod", "metadata": {"name": "web"}})

    async with a_client(tmp_path, handler) as kube:
        pod = await kube.get(gvk.PODS, "web", "default")
    assert pod["metadata"]["name"] == "web"


async def test_a_list_is_put_together_from_its_pages(tmp_path):
    async def handler(request):
        if "continue=next" in request.query:
            return answer({"metadata": {"resourceVersion": "7"}, "items": [{"n": 3}]})
        page = {"metadata": {"resourceVersion": "7", "continue": "next"}}
        return answer({**page, "items": [{"n": 1}, {"n": 2}]})

    async with a_client(tmp_path, handler) as kube:
        listed = await kube.list(gvk.PODS)
    assert [item["n"] for item in listed.items] == [1, 2, 3]
    assert listed.items[0]["kind"] == "Pod"
    assert listed.resource_version == "7"


async def test_a_list_that_expires_between_pages_begins_again_as_one(tmp_path):
    async def handler(request):
        if "continue=" in request.query:
            return answer(a_status(410, "Expired"), 410)
        if "limit=" not in request.query:
            return answer({"metadata": {"resourceVersion": "9"}, "items": [{"n": 1}, {"n": 2}]})
        page = {"metadata": {"resourceVersion": "7", "continue": "next"}}
        return answer({**page, "items": [{"n": 1}]})

    async with a_client(tmp_path, handler) as kube:
        listed = await kube.list(gvk.PODS)
    assert [item["n"] for item in listed.items] == [1, 2]
    assert listed.resource_version == "9"


async def test_an_error_answer_is_raised_as_what_it_is(tmp_path):
    async def handler(request):
        return answer(a_status(409, "Conflict"), 409)

    async with a_client(tmp_path, handler) as kube:
        with pytest.raises(status.Conflict):
            await kube.replace(gvk.PODS, {"metadata": {"name": "web", "namespace": "default"}})


async def test_a_busy_server_is_asked_again_when_it_says_so(tmp_path):
    calls = []

    async def handler(request):
        calls.append(request.method)
        if len(calls) == 1:
            return answer(a_status(429, "TooManyRequests"), 429, [("Retry-After", "0")])
        return answer({"metadata": {"name": "made"}}, 201)

    async with a_client(tmp_path, handler) as kube:
        made = await kube.create(gvk.PODS, {"metadata": {"name": "made", "namespace": "default"}})
    assert made["metadata"]["name"] == "made"
    assert calls == ["POST", "POST"]


async def test_no_pause_is_made_that_would_pass_the_deadline(tmp_path):
    async def handler(request):
        return answer(a_status(503, "ServiceUnavailable"), 503, [("Retry-After", "60")])

    async with a_client(tmp_path, handler, timeout_seconds=5.0) as kube:
        with pytest.raises(status.ServiceUnavailable):
            await kube.get(gvk.PODS, "web", "default")


async def test_a_refused_token_is_read_again_once(tmp_path):
    token = tmp_path / "token"
    token.write_text("old")
    seen = []

    async def handler(request):
        seen.append(request.headers.get("authorization"))
        if seen[-1] == "Bearer old":
            token.write_text("new\n")
            return answer(a_status(401, "Unauthorized"), 401)
        return answer({})

    async with a_client(tmp_path, handler, bearers.TokenFile(str(token))) as kube:
        await kube.get(gvk.PODS, "web", "default")
    assert seen == ["Bearer old", "Bearer new"]


async def test_a_watch_yields_events_across_chunks_and_raises_what_an_error_event_says(tmp_path):
    async def lines():
        first = orjson.dumps({"type": "ADDED", "object": {"metadata": {"name": "a"}}}) + b"\n"
        second = orjson.dumps({"type": "BOOKMARK", "object": {"metadata": {}}}) + b"\n"
        third = orjson.dumps({"type": "ERROR", "object": a_status(410, "Expired")}) + b"\n"
        yield first[:10]
        yield first[10:] + second
        yield third

    async def handler(request):
        assert "watch=true" in request.query
        return server.Response(200, [("Content-Type", "application/json")], lines())

    async with a_client(tmp_path, handler) as kube:
        events = kube.watch(gvk.PODS, resource_version="1")
        assert (await anext(events)).type == "ADDED"
        assert (await anext(events)).type == "BOOKMARK"
        with pytest.raises(status.Expired):
            await anext(events)


async def test_leaving_a_watch_closes_its_connection(tmp_path):
    left = asyncio.Event()

    async def lines():
        try:
            while True:
                yield orjson.dumps({"type": "ADDED", "object": {"metadata": {}}}) + b"\n"
                await asyncio.sleep(0.01)
        finally:
            left.set()

    async def handler(request):
        return server.Response(200, [], lines())

    async with a_client(tmp_path, handler) as kube:
        async with contextlib.aclosing(kube.watch(gvk.PODS)) as events:
            async for _ in events:
                break
        async with asyncio.timeout(5):
            await left.wait()


async def test_a_server_that_is_not_there_is_unreachable(tmp_path):
    path = str(tmp_path / "none.sock")
    credentials = config.Credentials("http://localhost", unix_socket=path)
    async with client.Client(credentials) as kube:
        with pytest.raises(errors.Unreachable, match=r"none\.sock cannot be reached") as caught:
            await kube.get(gvk.PODS, "web", "default")
    assert caught.value.refused


async def test_a_raw_answer_is_handed_on_with_its_status(tmp_path):
    async def handler(request):
        assert request.headers.get("authorization") == "Bearer t"
        return server.Response(404, [], b"nothing")

    async with a_client(tmp_path, handler, bearers.Fixed("Bearer t")) as kube:
        response = await kube.raw("POST", "/api/v1/x?y=1", body=b"{}")
        assert response.status == 404
        with pytest.raises(status.NotFound, match="nothing"):
            await client.raise_for_status(response)
