"""One fetcher process serves every pod of a node."""

from __future__ import annotations

import array
import asyncio
import base64
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from fission.base import clock as clocks
from fission.fetcher import app, config
from fission_http import client as http_client
from fission_http import errors as http_errors
from fission_http import server
from tests.integration.fetcher import support


async def say(
    control: socket.socket, message: dict[str, Any], *sockets: socket.socket
) -> dict[str, Any]:
    """Send a control message with sockets, as a kubelet does, and return the answer."""
    numbers = array.array("i", [each.fileno() for each in sockets])
    beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)] if sockets else []
    control.sendmsg([json.dumps(message).encode()], beside)
    answer = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(control, 65536), 5)
    return dict(json.loads(answer))


def addition(name: str, folder: Path, port: int) -> dict[str, Any]:
    env = support.pod_env(folder / name, port)
    return {
        "op": "add",
        "id": f"{name}/fetcher",
        "args": ["-secret-dir", "/secrets", "-cfgmap-dir", "/configs", "/userfunc"],
        "volumes": json.loads(env.pop("POD_VOLUME_PATHS")),
        "env": env,
        "sockets": ["http-fetcher"],
    }


async def test_pods_come_and_go_and_keep_their_claims(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    runtime = support.Host()
    archive = {"type": "literal", "literal": base64.b64encode(b"x = 1\n").decode()}
    async with http_client.Client() as http, runtime.running():
        port = int(runtime.url.rsplit(":", 1)[1])
        built = app.build(
            config.Config(cache_dir=str(tmp_path / "cache")),
            app.Deps(http, clocks.SystemClock()),
        )
        running = asyncio.ensure_future(built.run_node(theirs))
        sockets = {}
        for name in ("a", "b"):
            sockets[name] = support.listening()
            message = addition(name, tmp_path, port)
            assert await say(ours, message, sockets[name]) == {
                "op": "added",
                "id": f"{name}/fetcher",
            }

        async def specialize(name: str, uid: str) -> int:
            body = json.dumps(support.specialize_request(uid, archive=archive)).encode()
            url = support.url_of(sockets[name]) + "/specialize"
            response = await http.request("POST", url, body=body)
            await response.read()
            return response.status

        assert await specialize("a", "uid-1") == 200
        assert await specialize("b", "uid-2") == 200
        assert (tmp_path / "b" / "userfunc" / "deployarchive").exists()

        # Added again, as after a restart of either side: the claim is still there.
        assert (await say(ours, addition("a", tmp_path, port), sockets["a"]))["op"] == "added"
        assert await specialize("a", "uid-9") == 409

        assert await say(ours, {"op": "remove", "id": "a/fetcher"}) == {
            "op": "removed",
            "id": "a/fetcher",
        }
        url = support.url_of(sockets["a"])
        sockets["a"].close()
        with pytest.raises(http_errors.ConnectError) as gone:
            await http.request("GET", url + "/healthz")
        assert gone.value.refused
        assert await specialize("b", "uid-2") == 200

        failed = await say(ours, {"op": "add", "id": "c/fetcher", "args": [], "sockets": ["x"]})
        assert (failed["op"], failed["error"]) == ("failed", "1 sockets named, 0 handed over")
        assert await specialize("b", "uid-2") == 200

        ours.close()
        await asyncio.wait_for(running, 5)
        sockets["b"].close()
    theirs.close()


async def test_a_pod_that_goes_slowly_keeps_nobody_waiting(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    asked = asyncio.Event()

    async def never(_: object) -> server.Response:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    host = await server.serve(never, [opened := support.listening()])
    async with http_client.Client() as http:
        built = app.build(config.Config(), app.Deps(http, clocks.SystemClock()))
        running = asyncio.ensure_future(built.run_node(theirs))
        sockets = {name: support.listening() for name in ("slow", "next")}
        assert (await say(ours, addition("slow", tmp_path, 1), sockets["slow"]))["op"] == "added"
        archive = {"type": "url", "url": support.url_of(opened) + "/x"}
        body = json.dumps(support.specialize_request("uid-1", archive=archive)["FetchReq"]).encode()
        url = support.url_of(sockets["slow"]) + "/fetch"
        fetching = asyncio.ensure_future(http.request("POST", url, body=body))
        await asked.wait()

        ours.sendmsg([json.dumps({"op": "remove", "id": "slow/fetcher"}).encode()])
        # Asked second, answered first: the removal waits for what is under way.
        answer = await say(ours, addition("next", tmp_path, 1), sockets["next"])
        assert answer == {"op": "added", "id": "next/fetcher"}
        ours.close()
        await asyncio.wait_for(running, 10)
        fetching.cancel()
        await asyncio.gather(fetching, return_exceptions=True)
    await host.close(0.1)
    theirs.close()
    for each in sockets.values():
        each.close()
