"""A pod that is specialized at start: ready once it serves, and otherwise it says why."""

from __future__ import annotations

import array
import asyncio
import base64
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fission.base import clock as clocks
from fission.fetcher import app, config
from fission_http import client as http_client
from fission_http import server
from tests.integration.fetcher import support
from tests.support import waiting

HELLO = {"type": "literal", "literal": base64.b64encode(b"x = 1\n").decode()}


@dataclass
class Node:
    """A node's fetcher, as a kubelet has it."""

    control: socket.socket
    http: http_client.Client
    folder: Path
    runtime: support.Host

    async def say(self, message: dict[str, Any], *sockets: socket.socket) -> None:
        numbers = array.array("i", [each.fileno() for each in sockets])
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)] if sockets else []
        self.control.sendmsg([json.dumps(message).encode()], beside)

    async def hear(self) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        return dict(json.loads(await asyncio.wait_for(loop.sock_recv(self.control, 65536), 5)))

    async def add(self, opened: socket.socket, request: dict[str, Any]) -> None:
        env = support.pod_env(self.folder, int(self.runtime.url.rsplit(":", 1)[1]))
        message = {
            "op": "add",
            "id": "pod/fetcher",
            "args": [
                "-specialize-on-startup",
                "-specialize-request",
                json.dumps(request),
                "/userfunc",
            ],
            "volumes": json.loads(env.pop("POD_VOLUME_PATHS")),
            "env": env,
            "sockets": ["http-fetcher"],
        }
        await self.say(message, opened)
        assert (await self.hear())["op"] == "added"

    async def readiness(self, opened: socket.socket) -> tuple[int, str]:
        response = await self.http.request("GET", support.url_of(opened) + "/readiness-healthz")
        return response.status, (await response.read()).decode()


@contextlib.asynccontextmanager
async def node(folder: Path, **settings: Any) -> AsyncIterator[Node]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    runtime = support.Host()
    async with http_client.Client() as http, runtime.running():
        built = app.build(config.Config(**settings), app.Deps(http, clocks.SystemClock()))
        running = asyncio.ensure_future(built.run_node(theirs))
        try:
            yield Node(ours, http, folder, runtime)
        finally:
            ours.close()
            await asyncio.wait_for(running, 5)
            theirs.close()


async def test_it_is_ready_when_the_function_is_loaded(tmp_path: Path) -> None:
    loading = asyncio.Event()

    async def answer(request: server.Request) -> server.Response:
        await request.read(1 << 20)
        await loading.wait()
        return server.Response(200)

    slow = await server.serve(answer, [opened_runtime := support.listening()])
    async with node(tmp_path) as fetcher:
        fetcher.runtime.url = support.url_of(opened_runtime)
        with support.listening() as opened:
            await fetcher.add(opened, support.specialize_request(archive=HELLO))
            assert await fetcher.readiness(opened) == (503, "the function is not loaded yet\n")
            loading.set()

            async def is_ready() -> bool:
                return (await fetcher.readiness(opened))[0] == 200

            await waiting.until_so(is_ready)
    await slow.close(0.1)


async def test_a_function_that_does_not_load_ends_the_container_and_may_be_tried_again(
    tmp_path: Path,
) -> None:
    async with node(tmp_path) as fetcher:
        fetcher.runtime.answer = lambda _: server.Response(500, body=b"Traceback\nImportError: nix")
        request = support.specialize_request(archive=HELLO)
        with support.listening() as opened:
            await fetcher.add(opened, request)
            assert await fetcher.hear() == {
                "op": "ended",
                "id": "pod/fetcher",
                "code": 1,
                "message": "the function could not be loaded (the runtime answered 500):\n"
                "Traceback\nImportError: nix",
            }
        fetcher.runtime.answer = lambda _: server.Response(200)
        code = tmp_path / "userfunc" / "deployarchive"
        written = code.stat().st_ino
        with support.listening() as opened:
            await fetcher.add(opened, request)

            async def is_ready() -> bool:
                return (await fetcher.readiness(opened))[0] == 200

            await waiting.until_so(is_ready)
        assert code.stat().st_ino == written, "what has run is not written to again"


async def test_what_may_pass_is_tried_again(tmp_path: Path) -> None:
    content = b"x = 1\n"
    answers = [server.Response(503, body=b"away"), server.Response(200, body=content)]
    storage = support.Host(lambda _: answers.pop(0))
    async with node(tmp_path) as fetcher, storage.running():
        archive = {"type": "url", "url": storage.url + "/v1/archive?id=%2Ff%2Fa"}
        with support.listening() as opened:
            await fetcher.add(opened, support.specialize_request(archive=archive))

            async def is_ready() -> bool:
                return (await fetcher.readiness(opened))[0] == 200

            await waiting.until_so(is_ready)
        assert len(storage.requests) == 2

        # A fetcher that was restarted is ready at once, whatever is away.
        fetcher.runtime.requests.clear()
        with support.listening() as opened:
            gone = {"type": "url", "url": storage.url + "/gone"}
            await fetcher.add(opened, support.specialize_request(archive=gone))
            assert (await fetcher.readiness(opened))[0] == 200
        assert (len(storage.requests), fetcher.runtime.requests) == (2, [])


async def test_what_does_not_pass_in_time_ends_the_container_with_its_cause(
    tmp_path: Path,
) -> None:
    storage = support.Host(lambda _: server.Response(503, body=b"away"))
    async with node(tmp_path, startup_retry_seconds=0.05) as fetcher, storage.running():
        archive = {"type": "url", "url": storage.url + "/x.zip"}
        with support.listening() as opened:
            await fetcher.add(opened, support.specialize_request(archive=archive))
            ended = await fetcher.hear()
        assert ended["op"] == "ended"
        assert ended["message"].startswith("the function could not be fetched: ")
        assert "503" in ended["message"]


async def test_a_fetcher_of_its_own_exits_with_the_cause(tmp_path: Path) -> None:
    runtime = support.Host(lambda _: server.Response(500, body=b"Traceback\nImportError: nix"))
    async with runtime.running():
        env = {
            **os.environ,
            **support.pod_env(tmp_path, int(runtime.url.rsplit(":", 1)[1])),
            "LISTEN_FDS": "0",
        }
        request = json.dumps(support.specialize_request(archive=HELLO))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "fission.fetcher", "-specialize-on-startup", "-specialize-request", request),
            env=env,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 1
    assert said.decode().endswith("Traceback\nImportError: nix\n")
