"""Switching protocols: what comes after 101 belongs to somebody else, at both ends."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import cast

import pytest

from fission_http import client as clients
from fission_http import errors
from fission_http import server as servers
from tests.support import waiting


class Tunnel(asyncio.Protocol):
    """Keeps what arrives; answers it in capitals if told to."""

    def __init__(self, *, answers: bool) -> None:
        self.answers = answers
        self.received = b""
        self.transport: asyncio.Transport | None = None
        self.losses = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.answers and self.transport is not None:
            self.transport.write(data.upper())

    def connection_lost(self, error: Exception | None) -> None:
        self.losses += 1


class Peer:
    """A server that switches when it is asked to."""

    def __init__(self) -> None:
        self.tunnels: list[Tunnel] = []

    async def handle(self, request: servers.Request) -> servers.Response:
        if request.head.upgrade != b"echo":
            return servers.Response(200, body=b"plain")
        response = servers.Response(101, [("Upgrade", "echo")])
        response.tunnel = Tunnel(answers=True)
        self.tunnels.append(response.tunnel)
        return response


@contextlib.asynccontextmanager
async def running(peer: Peer) -> AsyncIterator[tuple[servers.Server, str]]:
    listening = socket.create_server(("127.0.0.1", 0))
    host, port = listening.getsockname()
    server = await servers.serve(peer.handle, [listening])
    try:
        yield server, f"http://{host}:{port}/"
    finally:
        await server.close(0.5)


async def test_bytes_go_both_ways_after_the_switch() -> None:
    peer = Peer()
    async with running(peer) as (server, url), clients.Client() as client:
        answer = await client.request("GET", url, upgrade="echo", timeout_seconds=5)
        assert (answer.status, answer.headers["upgrade"]) == (101, "echo")
        mine = Tunnel(answers=False)
        answer.switch(mine)
        assert client.open_connections == 0
        assert mine.transport is not None
        mine.transport.write(b"a")
        await waiting.until(lambda: mine.received == b"A")
        mine.transport.write(b"b" * 300_000)
        await waiting.until(lambda: len(mine.received) == 300_001)
        assert server.connections == 1
        mine.transport.close()
        await waiting.until(lambda: (peer.tunnels[0].losses, server.connections) == (1, 0))


async def test_a_peer_may_decline() -> None:
    async with running(Peer()) as (_, url), clients.Client() as client:
        answer = await client.request("GET", url, upgrade="other")
        assert (answer.status, await answer.read()) == (200, b"plain")
        assert client.open_connections == 1
        with pytest.raises(errors.ConnectionLost):
            answer.switch(Tunnel(answers=False))


async def test_a_switch_that_nobody_takes_is_closed() -> None:
    peer = Peer()
    async with running(peer) as (server, url), clients.Client() as client:
        async with await client.request("GET", url, upgrade="echo") as answer:
            assert answer.status == 101
        await waiting.until(lambda: server.connections == 0)
        assert (client.open_connections, peer.tunnels[0].losses) == (0, 1)


async def test_what_is_sent_with_the_request_reaches_the_tunnel() -> None:
    peer = Peer()
    async with running(peer) as (_, url):
        port = int(url.rstrip("/").rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhi")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head == (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n"
        )
        assert await asyncio.wait_for(reader.readexactly(2), 5) == b"HI"
        writer.close()
        await writer.wait_closed()


async def test_a_server_that_ends_closes_its_tunnels() -> None:
    peer = Peer()
    async with running(peer) as (server, url), clients.Client() as client:
        mine = Tunnel(answers=False)
        (await client.request("GET", url, upgrade="echo")).switch(mine)
        await server.close(5)
        await waiting.until(lambda: mine.losses == 1)
        assert peer.tunnels[0].losses == 1
