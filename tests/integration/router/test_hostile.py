"""Clients that mean no good, or whose network does not: each is bounded and told why."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator

import pytest

from fission.router import config
from fission_http import server as servers
from tests.support import rawpeer, routing, waiting

PIECE = bytes(64 * 1024)
GET = b"GET /f HTTP/1.1\r\nHost: a\r\n\r\n"


@contextlib.asynccontextmanager
async def routed_to(
    handler: routing.Handler, settings: config.Config, **spec: object
) -> AsyncIterator[tuple[routing.Routed, tuple[str, int]]]:
    pod = await routing.Pod(handler).start()
    async with routing.a_router(settings) as routed:
        routed.add(
            routing.a_function(**{"requestsPerPod": 100, **spec}),
            routing.a_trigger("t", relativeurl="/f", methods=["GET", "POST"]),
            routing.a_slice("s", [pod.address]),
        )
        host, _, port = routed.public.removeprefix("http://").partition(":")
        yield routed, (host, int(port))
    await pod.stop()


async def hello(request: servers.Request) -> servers.Response:
    return servers.Response(200, [], b"hello%d" % len(await request.read(1 << 20)))


def narrow(routed: routing.Routed, address: tuple[str, int]) -> socket.socket:
    """A connection whose kernels hold little before somebody reads."""
    for server in routed.core.public._servers:
        for listening in server.sockets:  # which hands it on to its connections
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    made.connect(address)
    made.setblocking(False)
    return made


async def everything(connection: socket.socket, pause: float = 0.0, size: int = 65536) -> bytes:
    """What comes until the end, which may be a reset."""
    loop = asyncio.get_running_loop()
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := await asyncio.wait_for(loop.sock_recv(connection, size), 10):
            found += piece
            await asyncio.sleep(pause)
    return found


def body_of(answer: bytes) -> dict[str, str]:
    return dict(json.loads(answer.partition(b"\r\n\r\n")[2]))


async def test_a_head_is_bounded_also_when_it_repeats_the_last_one():
    async with routed_to(hello, config.Config()) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        for path, status in ((b"/f", b"200"), (b"/f?" + b"x" * 33_000, b"431")):
            writer.write(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)
            assert (await reader.readuntil(b"\r\n\r\n")).split()[1] == status
            if status == b"200":
                await reader.readexactly(6)
        writer.close()


async def test_the_line_end_that_old_clients_put_behind_a_body_is_overlooked():
    post = b"POST /f HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab\r\n"
    async with routed_to(hello, config.Config()) as (_, address):
        reader, writer = await asyncio.open_connection(*address)
        for _ in range(3):
            writer.write(post)
            assert (await reader.readuntil(b"\r\n\r\n")).split()[1] == b"200"
            assert await reader.readexactly(6) == b"hello2"
        writer.close()


async def test_a_head_that_trickles_in_is_given_up_in_time():
    settings = config.Config(client_head_seconds=0.3)
    async with routed_to(hello, settings) as (routed, address):
        reader, writer = await asyncio.open_connection(*address)
        loop = asyncio.get_running_loop()
        began = loop.time()

        async def trickle() -> None:
            for byte in GET[:-2] + b"X: " + b"y" * 10000:
                writer.write(bytes([byte]))
                await asyncio.sleep(0.02)

        task = asyncio.create_task(trickle())
        answer = await asyncio.wait_for(reader.read(-1), 5)
        assert 0.2 < loop.time() - began < 2
        task.cancel()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408 ")
        told = body_of(answer)
        assert (told["component"], told["reason"]) == ("router", "bad_request")
        assert told["message"] == "the request did not arrive in time"
        assert routing.failures_of(routed) == {"bad_request": 1}


async def test_a_body_that_stops_coming_is_the_clients_fault():
    settings = config.Config(client_body_seconds=0.3)
    async with routed_to(hello, settings) as (routed, address):
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"POST /f HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
        answer = await asyncio.wait_for(reader.read(-1), 5)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 408 ")
        told = body_of(answer)
        assert (told["component"], told["reason"]) == ("router", "client_slow")
        (function,) = routed.core.catalog.functions()
        await waiting.until(lambda: function.slots.ready[0].in_flight == 0)
        # who sends slowly but steadily is waited for
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"POST /f HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            await asyncio.sleep(0.1)
            writer.write(b"x")
        assert b"hello8" in await asyncio.wait_for(reader.readuntil(b"hello8"), 5)
        writer.close()


async def test_a_client_that_never_reads_is_dropped_and_its_pod_freed():
    written: list[bytes] = []

    async def endless(request: servers.Request) -> servers.Response:
        async def pieces() -> AsyncIterator[bytes]:
            while True:
                written.append(PIECE)
                yield PIECE

        return servers.Response(200, [], pieces())

    settings = config.Config(client_write_seconds=0.4)
    for streaming in (None, {}):
        spec = {} if streaming is None else {"streaming": streaming}
        async with routed_to(endless, settings, **spec) as (routed, address):
            written.clear()
            connection = narrow(routed, address)
            connection.send(GET)
            await waiting.until(lambda: written)
            await waiting.until(lambda: routing.failures_of(routed) == {"client_slow": 1})
            assert len(written) * len(PIECE) < 32 << 20  # what kernels hold, not what there is
            (function,) = routed.core.catalog.functions()
            await waiting.until(lambda: function.slots.ready[0].in_flight == 0)  # noqa: B023
            await waiting.until(lambda: not routed.core.public.connections)
            connection.close()


async def test_a_client_that_reads_slowly_gets_everything():
    """Also when the connection closes behind the answer: the rest is not thrown away."""
    answer = bytes(200_000)

    async def large(request: servers.Request) -> servers.Response:
        return servers.Response(200, [("Content-Length", str(len(answer)))], answer)

    settings = config.Config(client_write_seconds=0.5, client_idle_seconds=0.3)
    async with routed_to(large, settings) as (routed, address):
        for head in (b"GET /f HTTP/1.0\r\n\r\n", GET):
            connection = narrow(routed, address)
            connection.send(head)
            found = await everything(connection, 0.015, 4000)
            assert len(found.partition(b"\r\n\r\n")[2]) == len(answer), head
            connection.close()


@pytest.mark.parametrize("path", [b"/_version", b"/none", b"/f"])
async def test_requests_without_end_whose_answers_nobody_reads_are_not_answered_without_end(path):
    settings = config.Config(client_write_seconds=0.3)
    async with routed_to(hello, settings) as (routed, address):
        connection = narrow(routed, address)
        asked = GET.replace(b"/f", path) * 1000
        loop = asyncio.get_running_loop()

        async def flood() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    await loop.sock_sendall(connection, asked)

        async with asyncio.timeout(10):
            flooding = asyncio.create_task(flood())
            await waiting.until(lambda: routed.core.public.connections == 1)
            (front,) = routed.core.public._shared.fronts
            most = 0
            while routed.core.public.connections:
                most = max(most, len(front._buffer) + front.transport.get_write_buffer_size())
                await asyncio.sleep(0.01)
            await flooding
        assert most < 1 << 20
        assert routing.failures_of(routed)["client_slow"] == 1
        connection.close()


async def test_a_full_listener_refuses_by_name():
    async with routed_to(hello, config.Config(max_connections=2)) as (routed, address):
        held = [socket.create_connection(address) for _ in range(2)]
        await waiting.until(lambda: routed.core.public.connections == 2)
        reader, writer = await asyncio.open_connection(*address)
        answer = await asyncio.wait_for(reader.read(-1), 5)
        writer.close()
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 1\r\n" in answer
        assert body_of(answer)["reason"] == "too_many_connections"
        held.pop().close()
        await waiting.until(lambda: routed.core.public.connections == 1)
        assert (await routed.call("GET", "/f")).status == 200
        held.pop().close()


async def test_heads_that_are_too_large_or_ambiguous_are_refused_by_name():
    cases = {
        b"X: " + b"y" * 40_000: (b"431", "head longer than 32768 bytes"),
        b"\r\n".join(b"X%d: y" % n for n in range(200)): (b"431", "more than 128 header lines"),
        b"Content-Length: 1\r\nContent-Length: 1": (b"400", "more than one Content-Length"),
        b"Content-Length: 1\r\nTransfer-Encoding: chunked": (
            b"400",
            "both Content-Length and Transfer-Encoding",
        ),
        b"X : y": (b"400", "bad header line: blank before the colon"),
    }
    async with routed_to(hello, config.Config()) as (_, address):
        for lines, (status, message) in cases.items():
            reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET /f HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n\r\n")
            answer = await asyncio.wait_for(reader.read(-1), 5)
            writer.close()
            assert answer.startswith(b"HTTP/1.1 " + status), lines[:40]
            assert body_of(answer)["message"] == message
            assert b"\r\nX-Fission-Component: router\r\n" in answer


async def test_peers_that_vanish_are_looked_for_by_the_kernel():
    settings = config.Config(peer_probe_seconds=30, client_write_seconds=30)
    async with routed_to(hello, settings) as (routed, address):
        connection = socket.create_connection(address)
        await waiting.until(lambda: routed.core.public.connections == 1)
        (front,) = routed.core.public._shared.fronts
        assert (await routed.call("GET", "/f")).status == 200
        ((pod,),) = routed.core.pool._idle.values()
        for transport in (front.transport, pod.transport):
            sock = transport.get_extra_info("socket")
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 10
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 3
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000
        connection.close()


async def test_a_pod_that_never_reads_is_bounded_too():
    over = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()
        await over.wait()

    async with rawpeer.raw_peer(deaf) as pod, routing.a_router() as routed:
        routed.add(
            routing.a_function(functionTimeout=1),
            routing.a_trigger("t", relativeurl="/f", methods=["POST"]),
            routing.a_slice("s", [pod]),
        )
        host, _, port = routed.public.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /f HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (200 << 20))
        sent = 0

        async def send() -> None:
            nonlocal sent
            while sent < 200 << 20:
                writer.write(PIECE)
                await writer.drain()
                sent += len(PIECE)

        task = asyncio.create_task(send())
        line = await asyncio.wait_for(reader.readline(), 5)
        assert line.startswith(b"HTTP/1.1 504 ")
        assert sent < 32 << 20
        task.cancel()
        over.set()
        writer.close()
