"""The lean server over real sockets: bodies, keep-alive, limits, ends."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from fission_http import server as servers
from tests.support import waiting

Handler = Callable[[servers.Request], Awaitable[servers.Response]]


async def echo(request: servers.Request) -> servers.Response:
    body = await request.read(1024 * 1024)
    text = f"{request.method} {request.path} {request.query} ".encode() + body
    return servers.Response(200, [("X-Seen", request.headers.get("X-Sent") or "-")], text)


@contextlib.asynccontextmanager
async def running(
    handler: Handler, limits: servers.Limits | None = None
) -> AsyncIterator[tuple[servers.Server, tuple[str, int]]]:
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    server = await servers.serve(handler, [listening], limits)
    try:
        yield server, address
    finally:
        await server.close(0.5)


async def talk(address: tuple[str, int], data: bytes) -> bytes:
    """Send, then read to the end."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_a_request_is_answered():
    async with running(echo) as (_, address):
        answer = await talk(
            address,
            b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-Sent: 1\r\nContent-Length: 2\r\n"
            b"Connection: close\r\n\r\nhi",
        )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\nX-Seen: 1\r\nDate: ")
    assert head.endswith(b"Content-Length: 14\r\nConnection: close")
    assert body == b"POST /a b=c hi"


async def test_pipelined_requests_are_answered_in_order():
    first = b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
    second = (
        b"POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    )
    last = b"GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with running(echo) as (_, address):
        whole = await talk(address, first + second + last)
        reader, writer = await asyncio.open_connection(*address)
        for byte in first + second + last:
            writer.write(bytes([byte]))
            await writer.drain()
        by_bytes = await asyncio.wait_for(reader.read(), 5)
        writer.close()
    for answer in (whole, by_bytes):
        assert answer.count(b"HTTP/1.1 200 OK") == 3
        assert answer.index(b"GET /1") < answer.index(b"POST /2  hi") < answer.index(b"GET /3")


async def test_streams_are_chunked_and_cleaned_up():
    closed = []

    async def handler(request: servers.Request) -> servers.Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                async for piece in request.iter_bytes():
                    yield piece.upper()
                yield b""
                yield b"!"
            finally:
                closed.append(request.path)

        return servers.Response(200, [], pieces())

    start = b"POST /s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
    async with running(handler) as (_, address):
        answer = await talk(address, start)
        old = await talk(address, start.replace(b"HTTP/1.1", b"HTTP/1.0"))
        silent = await talk(address, start.replace(b"POST", b"HEAD"))
    assert answer.endswith(b"\r\n\r\n3\r\nABC\r\n1\r\n!\r\n0\r\n\r\n")
    assert old.endswith(b"\r\n\r\nABC!")
    assert silent.endswith(b"\r\n\r\n")
    assert closed == ["/s", "/s"] or closed == ["/s", "/s", "/s"]


async def test_answers_without_a_body_have_none():
    async def handler(request: servers.Request) -> servers.Response:
        if request.method == "HEAD":
            return servers.Response(200, [("Content-Length", "99")])
        return servers.Response(int(request.path[1:]), [], b"ignored")

    async with running(handler) as (_, address):
        for path, length in (("204", None), ("304", b"Content-Length: 7"), ("200", b"7")):
            answer = await talk(
                address, f"GET /{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
            )
            assert answer.endswith(b"ignored") is (path == "200")
            assert (b"Content-Length" in answer) is (length is not None)
        head = await talk(address, b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b"Content-Length: 99\r\n" in head


async def test_continue_is_sent_when_the_body_is_wanted():
    async with running(echo) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(
            b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hi")
        assert b"200 OK" in await reader.readuntil(b"PUT /  hi")
        writer.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\nHost: x\n\n", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 3000 + b"\r\n\r\n", b"431"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n", b"413"),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2000\r\n\r\n"
            + b"x" * 2000,
            b"413",
        ),
    ],
)
async def test_bad_input_gets_its_status_and_the_end(data, status):
    async def small(request: servers.Request) -> servers.Response:
        return servers.Response(200, [], await request.read(1000))

    limits = servers.Limits(max_head_bytes=2048, max_body_bytes=4000)
    async with running(small, limits) as (_, address):
        answer = await talk(address, data)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"Connection: close\r\n" in answer


async def test_a_chunked_body_beyond_the_limit_is_refused():
    async def count(request: servers.Request) -> servers.Response:
        total = 0
        async for piece in request.iter_bytes():
            total += len(piece)
        return servers.Response(200, [], str(total).encode())

    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    async with running(count, servers.Limits(max_body_bytes=100)) as (_, address):
        fine = await talk(address, head + b"64\r\n" + b"x" * 100 + b"\r\n0\r\n\r\n")
        refused = await talk(address, head + b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n")
    assert fine.endswith(b"100")
    assert refused.startswith(b"HTTP/1.1 413")


async def test_slow_heads_and_bodies_time_out():
    limits = servers.Limits(head_seconds=0.3, idle_seconds=0.3, body_seconds=0.3)
    async with running(echo, limits) as (_, address):
        assert await talk(address, b"") == b""
        assert (await talk(address, b"GET / HT")).startswith(b"HTTP/1.1 408")
        slow = await talk(address, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nh")
        assert slow.startswith(b"HTTP/1.1 408")
        idle = await talk(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.startswith(b"HTTP/1.1 200")


async def test_a_failing_handler_answers_500_and_the_connection_goes_on(caplog):
    async def handler(request: servers.Request) -> servers.Response:
        if request.path == "/bad":
            raise ValueError("inside")
        if request.path == "/split":
            return servers.Response(200, [("A", "b\r\nC: d")])
        return servers.Response(200, [], b"fine")

    async with running(handler) as (_, address):
        answer = await talk(
            address,
            b"GET /bad HTTP/1.1\r\nHost: x\r\n\r\n"
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        )
        assert answer.startswith(b"HTTP/1.1 500")
        assert b"inside" not in answer
        assert answer.endswith(b"fine")
        assert await talk(address, b"GET /split HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    assert "a handler failed" in caplog.text


async def test_a_client_that_leaves_cancels_its_handler():
    began, ended = asyncio.Event(), asyncio.Event()

    async def handler(request: servers.Request) -> servers.Response:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    async with running(handler) as (server, address):
        _, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(began.wait(), 5)
        writer.close()
        await asyncio.wait_for(ended.wait(), 5)
        await waiting.until(lambda: server.connections == 0)


async def test_back_pressure_reaches_a_stream():
    produced = 0

    async def handler(request: servers.Request) -> servers.Response:
        async def endless() -> AsyncIterator[bytes]:
            nonlocal produced
            while True:
                produced += 1
                yield b"x" * 65536

        return servers.Response(200, [], endless())

    async with running(handler, servers.Limits(write_seconds=0.2)) as (server, address):
        _, writer = await asyncio.open_connection(*address, limit=1024)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await waiting.until(lambda: produced > 0)
        await waiting.until(lambda: server.connections == 0)  # cut off: nothing was taken
        assert produced < 2000
        writer.close()


async def test_back_pressure_reaches_an_upload():
    async def handler(request: servers.Request) -> servers.Response:
        total = 0
        async for piece in request.iter_bytes():
            total += len(piece)
        return servers.Response(200, [], str(total).encode())

    size = 8 * 1024 * 1024
    async with running(handler) as (_, address):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        answer = await talk(address, head % size + b"x" * size)
    assert answer.endswith(str(size).encode())


async def test_close_lets_a_running_request_finish():
    go = asyncio.Event()

    async def handler(request: servers.Request) -> servers.Response:
        await go.wait()
        return servers.Response(200, [], b"done")

    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    server = await servers.serve(handler, [listening])
    idle_reader, idle_writer = await asyncio.open_connection(*address)
    answer = asyncio.create_task(talk(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
    await waiting.until(lambda: server.connections == 2)
    closing = asyncio.create_task(server.close(5))
    assert await asyncio.wait_for(idle_reader.read(), 5) == b""
    go.set()
    await asyncio.wait_for(closing, 5)
    text = await answer
    assert b"Connection: close" in text
    assert text.endswith(b"done")
    idle_writer.close()


async def test_close_cuts_off_what_does_not_finish():
    cancelled = asyncio.Event()
    began = asyncio.Event()

    async def handler(request: servers.Request) -> servers.Response:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    async with running(handler) as (server, address):
        answer = asyncio.create_task(talk(address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
        await asyncio.wait_for(began.wait(), 5)
        await server.close(0.01)
        assert cancelled.is_set()
        with contextlib.suppress(ConnectionResetError):
            assert await answer == b""


async def test_too_many_connections_are_told_so():
    async with running(echo, servers.Limits(max_connections=1)) as (server, address):
        _, writer = await asyncio.open_connection(*address)
        await waiting.until(lambda: server.connections == 1)
        assert (await talk(address, b"")).startswith(b"HTTP/1.1 503")
        writer.close()


async def test_close_answers_a_request_that_is_on_its_way():
    async with running(echo) as (server, address):
        new_reader, new = await asyncio.open_connection(*address)
        kept_reader, kept = await asyncio.open_connection(*address)
        kept.write(b"GET /first HTTP/1.1\r\nHost: x\r\n\r\n")
        await kept_reader.readuntil(b"GET /first  ")
        await waiting.until(lambda: server.connections == 2)
        closing = asyncio.create_task(server.close(5))
        await asyncio.sleep(0)
        for reader, writer in ((new_reader, new), (kept_reader, kept)):
            writer.write(b"GET /last HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(), 5)
            assert b"\r\nConnection: close\r\n" in answer
            assert answer.endswith(b"GET /last  ")
            writer.close()
        await closing


async def test_close_answers_a_request_behind_a_stream_that_promised_to_go_on():
    go = asyncio.Event()

    async def handle(request: servers.Request) -> servers.Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            await go.wait()
            yield b"two"

        return servers.Response(200, [], pieces())

    listening = socket.create_server(("127.0.0.1", 0))
    server = await servers.serve(handle, [listening])
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert b"Connection: close" not in await reader.readuntil(b"one\r\n")
    closing = asyncio.create_task(server.close(5))
    await asyncio.sleep(0)
    go.set()
    await reader.readuntil(b"0\r\n\r\n")
    writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nConnection: close\r\n" in answer
    writer.close()
    await closing
