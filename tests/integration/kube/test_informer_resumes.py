"""The informer against a server that follows a script: what is asked after every kind of ending."""

import asyncio
import contextlib
import socket
from urllib import parse

import orjson

from fission.kube import client, config, informer
from fission.meta import gvk
from fission_http import server
from tests.support import waiting


def an_object(name, version, uid=None):
    metadata = {"name": name, "namespace": "default", "uid": uid or f"uid-{name}"}
    return {"metadata": {**metadata, "resourceVersion": str(version)}}


def a_list(version, *objects):
    return {"metadata": {"resourceVersion": str(version)}, "items": list(objects)}


def an_event(type_, obj):
    return {"type": type_, "object": obj}


EXPIRED = an_event("ERROR", {"kind": "Status", "code": 410, "reason": "Expired", "message": "old"})


class Script:
    """Answers in order; the last watch stays open. ``asked`` is what came, in short."""

    def __init__(self, *answers):
        self._answers = list(answers)
        self.asked = []

    async def handle(self, request):
        query = dict(parse.parse_qsl(request.query))
        watched = query.get("watch") == "true"
        self.asked.append(f"watch {query.get('resourceVersion')}" if watched else "list")
        if not self._answers:
            return server.Response(200, [], self._hang())
        answer = self._answers.pop(0)
        if isinstance(answer, int):
            return server.Response(answer, [], b"no")
        if isinstance(answer, dict):
            assert not watched
            return server.Response(200, [], orjson.dumps(answer))
        assert watched
        return server.Response(200, [], self._lines(answer))

    async def _lines(self, events):
        for event in events:
            yield orjson.dumps(event) + b"\n"

    async def _hang(self):
        yield b"\n"
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def an_informer(tmp_path, script):
    path = str(tmp_path / "api.sock")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    running = await server.serve(script.handle, [listening])
    credentials = config.Credentials("http://localhost", unix_socket=path)
    async with client.Client(credentials) as kube:
        pods = informer.Informer(kube, gvk.PODS)
        told = []
        pods.add_handler(
            lambda old, new: told.append(
                tuple(one and int(one["metadata"]["resourceVersion"]) for one in (old, new))
            )
        )
        task = asyncio.create_task(pods.run())
        try:
            yield pods, told
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    await running.close(0.1)


async def test_an_informer_lists_and_then_watches_from_there(tmp_path):
    script = Script(a_list(5, an_object("a", 3)), [an_event("MODIFIED", an_object("a", 6))])
    async with an_informer(tmp_path, script) as (pods, told):
        await pods.wait_synced(5)
        await waiting.until(lambda: len(told) == 2)
        assert told == [(None, 3), (3, 6)]
        assert script.asked[:2] == ["list", "watch 5"]
        assert pods.lister.get("default", "a")["metadata"]["resourceVersion"] == "6"


async def test_an_ended_watch_continues_after_what_was_seen(tmp_path):
    script = Script(
        a_list(5),
        [an_event("ADDED", an_object("a", 7))],
        [an_event("BOOKMARK", {"metadata": {"resourceVersion": "90"}})],
    )
    async with an_informer(tmp_path, script) as (_, told):
        await waiting.until(lambda: len(script.asked) == 4)
        assert script.asked == ["list", "watch 5", "watch 7", "watch 90"]
        assert told == [(None, 7)]


async def test_an_expired_watch_lists_again_and_tells_the_differences(tmp_path):
    script = Script(
        a_list(5, an_object("a", 3), an_object("b", 4), an_object("c", 5)),
        [EXPIRED],
        a_list(50, an_object("b", 4), an_object("c", 41)),
    )
    async with an_informer(tmp_path, script) as (_, told):
        await waiting.until(lambda: len(script.asked) == 4)
        assert script.asked == ["list", "watch 5", "list", "watch 50"]
        assert told == [(None, 3), (None, 4), (None, 5), (3, None), (5, 41)]


async def test_failures_are_waited_out_without_forgetting(tmp_path):
    script = Script(
        503,
        a_list(5, an_object("a", 3)),
        500,
        [an_event("DELETED", an_object("a", 9))],
    )
    async with an_informer(tmp_path, script) as (pods, told):
        await waiting.until(lambda: len(script.asked) == 5)
        assert script.asked == ["list", "list", "watch 5", "watch 5", "watch 9"]
        assert told == [(None, 3), (3, None)]
        assert pods.lister.list() == []


async def test_a_broken_line_is_a_failure_of_that_watch_only(tmp_path):
    script = Script(
        a_list(5),
        [an_event("ADDED", an_object("a", 7)), "nonsense"],
        [an_event("ADDED", an_object("b", 8))],
    )
    async with an_informer(tmp_path, script) as (_, told):
        await waiting.until(lambda: len(told) == 2)
        assert script.asked[:3] == ["list", "watch 5", "watch 7"]
