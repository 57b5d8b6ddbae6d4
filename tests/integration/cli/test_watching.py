"""One object looked after through an API server that is not always there."""

import contextlib
import json
import socket

import pytest

from fission.api import resources
from fission.base import clock
from fission.cli.backend import watching
from fission.kube import client as kube_client
from fission.kube import config
from fission.meta import status
from fission_http import server


class ApiServer:
    """Serves one Package: each look and each watch as a script says."""

    def __init__(self, looks, watches=()):
        self.looks = list(looks)
        self.watches = list(watches)

    async def handle(self, request):
        if "watch=" not in request.query:
            return self._object(self.looks.pop(0) if len(self.looks) > 1 else self.looks[0])
        assert "fieldSelector=metadata.name%3Dp" in request.query
        events = self.watches.pop(0) if self.watches else []
        if isinstance(events, int):
            return _error(events)
        return server.Response(200, [("Content-Type", "application/json")], _lines(events))

    def _object(self, version):
        if version is None:
            return _error(404)
        if version == "away":
            return _error(503)
        return server.Response(200, body=json.dumps(a_package(version)).encode())


def a_package(version):
    return {"kind": "Package", "metadata": {"name": "p", "resourceVersion": str(version)}}


def an_event(type_, version):
    return json.dumps({"type": type_, "object": a_package(version)}).encode() + b"\n"


async def _lines(events):
    for event in events:
        if event == "break":
            raise ConnectionError("the API server is gone")
        yield event


def _error(code):
    body = {"kind": "Status", "code": code, "message": f"error {code}"}
    return server.Response(code, [("Content-Type", "application/json")], json.dumps(body).encode())


@contextlib.asynccontextmanager
async def client_of(api):
    listening = socket.create_server(("127.0.0.1", 0))
    running = await server.serve(api.handle, [listening])
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        async with kube_client.Client(config.Credentials(server=url)) as client:
            yield client
    finally:
        await running.close(0)


async def versions(api, count):
    """What a follower sees, up to ``count`` objects."""
    seen = []
    async with client_of(api) as client:
        changes = watching.watched(client, resources.PACKAGES, "p", "default", clock.SystemClock())
        async with contextlib.aclosing(changes):
            async for package in changes:
                seen.append(int(package["metadata"]["resourceVersion"]))
                if len(seen) == count:
                    return seen
    raise AssertionError(seen)


async def test_changes_are_watched():
    events = [an_event("MODIFIED", 2), an_event("BOOKMARK", 3), an_event("MODIFIED", 4)]

    assert await versions(ApiServer([1], [events]), 3) == [1, 2, 4]


async def test_a_watch_that_breaks_off_is_taken_up_where_the_object_is():
    broken = [an_event("MODIFIED", 2), "break"]
    api = ApiServer([1, "away", 5], [broken, [an_event("MODIFIED", 6)]])

    assert await versions(api, 4) == [1, 2, 5, 6]


async def test_who_may_not_watch_looks():
    assert await versions(ApiServer([1, 1, 1, 2, 2, 3], [403]), 4) == [1, 1, 2, 3]


@pytest.mark.parametrize("watches", [[[an_event("DELETED", 2)]], [403]])
async def test_an_object_that_is_deleted_ends_it(watches):
    with pytest.raises(status.NotFound):
        await versions(ApiServer([1, None], watches), 3)
