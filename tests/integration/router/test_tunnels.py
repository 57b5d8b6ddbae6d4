"""WebSockets through the router: how long they may be silent, and how they end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from fission.router import config
from tests.support import rawpeer, routing, waiting

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
ACCEPT = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
GOING_AWAY = b"\x03\xe9"


class Pod:
    """Accepts, echoes, remembers."""

    def __init__(self) -> None:
        self.received = b""
        self.ended = asyncio.Event()
        self.cut = asyncio.Event()

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ACCEPT)
        cut = asyncio.ensure_future(self.cut.wait())
        try:
            while True:
                piece = asyncio.ensure_future(reader.read(1 << 16))
                await asyncio.wait({piece, cut}, return_when=asyncio.FIRST_COMPLETED)
                if not piece.done():
                    piece.cancel()
                    writer.transport.abort()
                    return
                if not piece.result():
                    return
                self.received += piece.result()
                writer.write(piece.result())
        finally:
            cut.cancel()
            self.ended.set()


@contextlib.asynccontextmanager
async def tunnel(
    settings: config.Config | None = None, early: bytes = b"", **spec: object
) -> AsyncIterator[tuple[routing.Routed, Pod, asyncio.StreamReader, asyncio.StreamWriter]]:
    pod = Pod()
    async with rawpeer.raw_peer(pod.converse) as address, routing.a_router(settings) as routed:
        routed.add(
            routing.a_function(functionTimeout=1, **spec),
            routing.a_trigger("t", relativeurl="/ws"),
            routing.a_slice("s", [address]),
        )
        host, _, port = routed.public.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(UPGRADE + early)
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 101 ")
        try:
            yield routed, pod, reader, writer
        finally:
            pod.cut.set()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def free(routed: routing.Routed) -> Callable[[], bool]:
    (function,) = routed.core.catalog.functions()
    return lambda: function.slots.ready[0].in_flight == 0


async def test_frames_sent_too_early_are_not_lost():
    async with tunnel(early=b"early") as (_, _, reader, _):
        assert await asyncio.wait_for(reader.readexactly(5), 5) == b"early"


async def test_a_function_without_limits_of_its_own_has_the_routers():
    settings = config.Config(tunnel_idle_seconds=0.4)
    async with tunnel(settings, streaming={"idleTimeoutSeconds": 1}) as (routed, pod, reader, w):
        for _ in range(5):
            await asyncio.sleep(0.15)
            w.write(b"x")
            assert await asyncio.wait_for(reader.readexactly(1), 5) == b"x"
        rest = await asyncio.wait_for(reader.read(-1), 5)
        assert rest == b"\x88\x0d" + GOING_AWAY + b"stream_idle"
        await asyncio.wait_for(pod.ended.wait(), 5)
        assert pod.received.endswith(b"stream_idle")
        await waiting.until(free(routed))
        assert routing.failures_of(routed) == {"stream_idle": 1}


async def test_the_functions_own_limits_hold_for_a_websocket():
    limits = {"protocol": "websocket", "idleTimeoutSeconds": 1}
    async with tunnel(streaming=limits) as (_, _, reader, _):
        rest = await asyncio.wait_for(reader.read(-1), 5)
        assert rest.endswith(b"stream_idle")
    limits = {"protocol": "websocket", "maxDurationSeconds": 1}
    async with tunnel(streaming=limits) as (routed, _, reader, writer):

        async def speak() -> None:
            while True:
                writer.write(b"x")
                await asyncio.sleep(0.05)

        speaking = asyncio.create_task(speak())
        rest = await asyncio.wait_for(reader.read(-1), 5)
        speaking.cancel()
        assert rest.endswith(GOING_AWAY + b"stream_max_duration")
        assert routing.failures_of(routed) == {"stream_max_duration": 1}


@pytest.mark.parametrize("abruptly", [False, True])
async def test_either_side_ends_it_and_the_pod_is_free(abruptly):
    async with tunnel() as (routed, pod, reader, writer):
        writer.write(b"last words")
        if abruptly:
            assert await asyncio.wait_for(reader.readexactly(10), 5) == b"last words"
            writer.transport.abort()
        else:
            writer.close()
        await asyncio.wait_for(pod.ended.wait(), 5)
        assert pod.received == b"last words"
        await waiting.until(free(routed))
    async with tunnel() as (routed, pod, reader, _):
        pod.cut.set()
        assert await asyncio.wait_for(reader.read(-1), 5) == b""
        await waiting.until(free(routed))


async def test_a_side_that_does_not_read_is_not_written_to():
    settings = config.Config(client_write_seconds=0.4)
    async with tunnel(settings) as (routed, pod, reader, writer):
        reader._transport.pause_reading()
        sent = 0
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(10):
                while not routing.failures_of(routed):
                    writer.write(bytes(65536))
                    await asyncio.wait({asyncio.ensure_future(writer.drain())}, timeout=0.2)
                    sent += 65536
        assert sent < 64 << 20
        assert routing.failures_of(routed) == {"client_slow": 1}
        await asyncio.wait_for(pod.ended.wait(), 5)
        await waiting.until(free(routed))


async def test_at_shutdown_websockets_are_told_to_connect_again():
    async with tunnel() as (routed, _, reader, _):
        closing = asyncio.create_task(routed.core.close(10))
        rest = await asyncio.wait_for(reader.read(-1), 5)
        assert rest.endswith(GOING_AWAY + b"going_away")
        await asyncio.wait_for(closing, 4)
