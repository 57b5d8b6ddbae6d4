"""A router that goes away answers whoever has connected, on either event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import pytest
import uvloop

from fission_http import ending
from fission_http import server as servers
from tests.support import routing, waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

REQUEST = b"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
LOOPS = pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)


async def hello(request: servers.Request) -> servers.Response:
    return servers.Response(200, [], b"hello")


@contextlib.asynccontextmanager
async def a_served_function(
    handler: routing.Handler = hello,
) -> AsyncIterator[tuple[routing.Routed, tuple[str, int]]]:
    pod = await routing.Pod(handler).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello"),
            routing.a_slice("s", [pod.address]),
        )
        host, _, port = routed.public.removeprefix("http://").partition(":")
        yield routed, (host, int(port))
    await pod.stop()


async def all_of(connection: socket.socket) -> bytes:
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := await asyncio.wait_for(loop.sock_recv(connection, 65536), 5):
            got += piece
    return got


def run(new_loop: Callable[[], asyncio.AbstractEventLoop], journey: object) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(journey())  # type: ignore[operator]


@LOOPS
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_connection_accepted_just_before_gets_its_first_answer(
    new_loop: Callable[[], asyncio.AbstractEventLoop], turns: int
) -> None:
    async def journey() -> None:
        async with a_served_function() as (routed, address):
            with socket.create_connection(address) as client:
                for _ in range(turns):
                    await asyncio.sleep(0)
                # somebody else holds the listening socket too, as on the platform: what was not
                # accepted waits there, and what was must be answered here
                accepted = routed.core.public.connections
                closing = asyncio.create_task(routed.core.public.close(5.0))
                for _ in range(10):
                    await asyncio.sleep(0)
                    accepted = max(accepted, routed.core.public.connections)
                if accepted:
                    client.sendall(REQUEST)
                    answer = await all_of(client)
                    assert answer.startswith(b"HTTP/1.1 200 ")
                    assert b"\r\nConnection: close\r\n" in answer
                    assert answer.endswith(b"hello")
                await closing
                assert accepted or turns < 2

    run(new_loop, journey)


@LOOPS
def test_a_kept_connection_is_answered_once_more(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def journey() -> None:
        async with a_served_function() as (routed, address):
            loop = asyncio.get_running_loop()
            with socket.create_connection(address) as client:
                client.sendall(REQUEST)
                client.setblocking(False)
                assert b"Connection: close" not in await loop.sock_recv(client, 65536)
                closing = asyncio.create_task(routed.core.public.close(5.0))
                await asyncio.sleep(0)
                client.sendall(REQUEST)
                answer = await all_of(client)
                assert answer.startswith(b"HTTP/1.1 200 ")
                assert b"\r\nConnection: close\r\n" in answer
                await closing

    run(new_loop, journey)


@LOOPS
def test_what_has_arrived_unread_when_time_is_over_is_answered(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def journey() -> None:
        async with a_served_function() as (routed, address):
            loop = asyncio.get_running_loop()
            with socket.create_connection(address) as client:
                client.sendall(REQUEST)
                client.setblocking(False)
                await loop.sock_recv(client, 65536)
                closing = asyncio.create_task(routed.core.public.close(5.0))
                await asyncio.sleep(0)
                (front,) = routed.core.public._shared.fronts
                # the timer of the connection fires in the turn before its bytes are read
                client.sendall(REQUEST)
                front.expect_within(-1.0)
                front._check_deadline()
                assert (await all_of(client)).startswith(b"HTTP/1.1 200 ")
                await closing

    run(new_loop, journey)


async def test_half_a_head_is_waited_for():
    async with a_served_function() as (routed, address):
        with socket.create_connection(address) as client:
            client.sendall(REQUEST[:10])
            await waiting.until(
                lambda: any(front._buffer for front in routed.core.public._shared.fronts)
            )
            closing = asyncio.create_task(routed.core.public.close(5.0))
            await asyncio.sleep(0)
            client.sendall(REQUEST[10:])
            assert (await all_of(client)).startswith(b"HTTP/1.1 200 ")
            await closing


def in_two_pieces(go: asyncio.Event) -> Callable[[servers.Request], Awaitable[servers.Response]]:
    """A function whose answer begins at once and ends when it may."""

    async def answer(request: servers.Request) -> servers.Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            await go.wait()
            yield b"two"

        return servers.Response(200, [], pieces())

    return answer


async def test_an_answer_that_began_before_does_not_end_the_next_request():
    go = asyncio.Event()
    async with a_served_function(in_two_pieces(go)) as (routed, address):
        loop = asyncio.get_running_loop()
        with socket.create_connection(address) as client:
            client.sendall(REQUEST)
            client.setblocking(False)
            got = b""
            while b"one" not in got:
                got += await loop.sock_recv(client, 65536)
            closing = asyncio.create_task(routed.core.public.close(5.0))
            await asyncio.sleep(0)
            go.set()
            while not got.endswith(b"0\r\n\r\n"):
                got += await loop.sock_recv(client, 65536)
            assert b"Connection: close" not in got
            client.sendall(REQUEST)
            assert b"\r\nConnection: close\r\n" in await all_of(client)
            await closing


async def test_a_request_sent_before_the_answer_to_the_one_before_is_answered_too():
    go = asyncio.Event()
    async with a_served_function(in_two_pieces(go)) as (routed, address):
        loop = asyncio.get_running_loop()
        with socket.create_connection(address) as client:
            client.sendall(REQUEST + REQUEST)
            client.setblocking(False)
            got = b""
            while b"one" not in got:
                got += await loop.sock_recv(client, 65536)
            assert b"Connection: close" not in got
            closing = asyncio.create_task(routed.core.public.close(5.0))
            await asyncio.sleep(0)
            go.set()
            got += await all_of(client)
            assert got.count(b"HTTP/1.1 200 ") == 2
            assert got.count(b"\r\nConnection: close\r\n") == 1
            await closing


async def test_nobody_who_is_silent_holds_it_up_for_long():
    async with a_served_function() as (routed, address):
        loop = asyncio.get_running_loop()
        with socket.create_connection(address):
            await waiting.until(lambda: routed.core.public.connections)
            started = loop.time()
            await routed.core.public.close(20.0)
            assert loop.time() - started < 10 * ending.FIRST_SECONDS
            assert routed.core.public.connections == 0
