"""Bodies of any size and pace pass as they come: streams, trailers, codings, expectations."""

import asyncio
import contextlib
import gzip
import json
import pathlib
import re
from collections.abc import AsyncIterator

import pytest

from fission.router import config
from fission_http import server as servers
from tests.support import rawpeer, routing, waiting

LARGE = 96 * 1024 * 1024
ROOM = 24 * 1024 * 1024


@contextlib.asynccontextmanager
async def served(
    answer: rawpeer.Conversation, settings: config.Config | None = None, **spec: object
) -> AsyncIterator[tuple[routing.Routed, str, int]]:
    """A router in front of a pod whose conversation is written out; and the router's address."""
    spec.setdefault("requestsPerPod", 100)
    async with rawpeer.raw_peer(answer) as address, routing.a_router(settings) as routed:
        routed.add(
            routing.a_function(**spec),
            routing.a_trigger("t", prefix="/f", methods=["GET", "POST", "HEAD", "PUT"]),
            routing.a_slice("s", [address]),
        )
        host, _, port = routed.public.removeprefix("http://").partition(":")
        yield routed, host, int(port)


@contextlib.asynccontextmanager
async def connected(
    host: str, port: int
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_events_arrive_as_they_are_written():
    steps = asyncio.Queue[bytes]()

    async def events(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        while step := await steps.get():
            writer.write(b"%x\r\n%b\r\n" % (len(step), step))
        writer.write(b"0\r\n\r\n")

    streaming = {"protocol": "sse"}
    async with served(events, functionTimeout=1, streaming=streaming) as (routed, _, _):
        response = await routed.client.request("GET", f"{routed.public}/f")
        assert response.headers["content-type"] == "text/event-stream"
        pieces = response.iter_bytes()
        began = asyncio.get_running_loop().time()
        number = 0
        while asyncio.get_running_loop().time() < began + 1.2:
            event = b"data: %d\n\n" % number
            steps.put_nowait(event)
            assert await asyncio.wait_for(anext(pieces), 1) == event
            number += 1
            await asyncio.sleep(0.01)  # the timeout is counted in whole seconds
        steps.put_nowait(b"")
        assert [piece async for piece in pieces] == []


async def test_a_stream_ends_at_its_longest_duration():
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.02)

    streaming = {"maxDurationSeconds": 1}
    async with (
        served(endless, streaming=streaming) as (routed, host, port),
        connected(host, port) as (reader, writer),
    ):
        writer.write(b"GET /f HTTP/1.1\r\nHost: a\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            answer = await asyncio.wait_for(reader.read(-1), 5)
            assert not answer.endswith(b"0\r\n\r\n")
        await waiting.until(lambda: routing.failures_of(routed) == {"stream_max_duration": 1})


async def test_both_sides_of_a_stream_may_speak_at_once():
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while data := await reader.read(100):
            writer.write(data)

    async with (
        served(echo, streaming={}) as (_, host, port),
        connected(host, port) as (reader, writer),
    ):
        writer.write(b"POST /f HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        for chunk in (b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"):
            writer.write(chunk)
            assert await asyncio.wait_for(reader.readexactly(len(chunk)), 5) == chunk


async def test_trailers_pass_both_ways_and_bad_ones_are_refused():
    seen: list[bytes] = []

    async def trailing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
            b"2\r\nok\r\n0\r\nX-Sum: 2\r\n\r\n"
        )
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readexactly(1)

    async with served(trailing) as (_, host, port), connected(host, port) as (reader, writer):
        head = (
            b"POST /f HTTP/1.1\r\nHost: a\r\nTrailer: X-Mine\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        writer.write(head + b"1\r\na\r\n0\r\nX-Mine: 1\r\n\r\n")
        answer = await asyncio.wait_for(reader.readuntil(b"0\r\nX-Sum: 2\r\n\r\n"), 5)
        assert b"\r\nTrailer: X-Sum\r\n" in answer
        assert b"\r\nTrailer: X-Mine\r\n" in seen[0]
        assert seen[1] == b"1\r\na\r\n0\r\nX-Mine: 1\r\n\r\n"
        writer.write(head + b"1\r\na\r\n0\r\nContent-Length: 1\r\n\r\n")
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 400 ")
        assert b"Content-Length may not be a trailer" in await asyncio.wait_for(reader.read(-1), 5)


async def test_a_client_that_expects_to_go_on_is_told_when_a_pod_has_its_request():
    async def count(request: servers.Request) -> servers.Response:
        assert "expect" not in request.headers
        return servers.Response(200, [], b"%d" % len(await request.read(1 << 20)))

    pod = await routing.Pod(count).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/f", methods=["POST"]),
            routing.a_slice("s", [pod.address]),
        )
        host, _, port = routed.public.removeprefix("http://").partition(":")
        head = b"Host: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
        async with connected(host, int(port)) as (reader, writer):
            writer.write(b"POST /f HTTP/1.1\r\n" + head)
            line = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
            assert line == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"12345")
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n5"), 5)
            assert answer.startswith(b"HTTP/1.1 200 ")
        async with connected(host, int(port)) as (reader, writer):
            writer.write(b"POST /none HTTP/1.1\r\n" + head)
            answer = await asyncio.wait_for(reader.read(-1), 5)
            assert answer.startswith(b"HTTP/1.1 404 ")
            assert b"100 Continue" not in answer
        async with connected(host, int(port)) as (reader, writer):
            writer.write(b"POST /f HTTP/1.1\r\nHost: a\r\nExpect: a miracle\r\n\r\n")
            assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 417 ")
    await pod.stop()


async def test_compressed_answers_and_traces_are_not_touched():
    packed = gzip.compress(b"hello" * 100)
    received: list[bytes] = []

    async def compressed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nETag: W/x\r\nContent-Length: %d\r\n\r\n"
            % len(packed)
        )
        writer.write(packed)
        await reader.read(1)

    async with served(compressed) as (_, host, port), connected(host, port) as (reader, writer):
        trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        writer.write(
            b"GET http://shop.example/f?q=1 HTTP/1.1\r\nHost: ignored\r\nAccept-Encoding: gzip\r\n"
            b"traceparent: %b\r\ntracestate: a=b\r\nbaggage: c=d\r\n"
            b"Connection: X-Hop\r\nX-Hop: 1\r\n\r\n" % trace
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert b"\r\nContent-Encoding: gzip\r\nETag: W/x\r\n" in head
        assert await asyncio.wait_for(reader.readexactly(len(packed)), 5) == packed
        (seen,) = received
        for line in (
            b"GET /?q=1 HTTP/1.1",
            b"Accept-Encoding: gzip",
            b"traceparent: " + trace,
            b"tracestate: a=b",
            b"baggage: c=d",
            b"X-Forwarded-Host: shop.example",
            b"X-Fission-Full-Url: /f?q=1",
        ):
            assert line + b"\r\n" in seen
        assert b"X-Hop" not in seen


async def test_a_failure_names_the_trace_of_the_request():
    async with routing.a_router() as routed:
        routed.add(routing.a_function(), routing.a_trigger("t", relativeurl="/hello"))
        routed.executor.failure = (500, "broken")
        trace = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        answer = await routed.call("GET", "/hello", headers=[trace])
        assert answer.json()["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_details_are_told_to_who_asks_where_that_is_allowed():
    for settings, expected in ((config.Config(debug=True), "broken"), (config.Config(), None)):
        async with routing.a_router(settings) as routed:
            routed.add(routing.a_function(), routing.a_trigger("t", relativeurl="/hello"))
            routed.executor.failure = (500, "broken")
            answer = await routed.call("GET", "/hello", headers=[("X-Fission-Debug", "true")])
            assert answer.json().get("message") == expected
            answer = await routed.call("GET", "/hello")
            assert "message" not in answer.json()


async def test_large_bodies_pass_without_being_collected():
    """Upload and download, a client that reads slowly: the process hardly grows."""
    block = bytes(1 << 20)
    sizes: list[int] = []

    async def bulk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        left = LARGE
        while left:
            left -= len(await reader.read(1 << 18))
        sizes.append(LARGE)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE)
        for _ in range(LARGE >> 20):
            writer.write(block)
            await writer.drain()

    async with served(bulk) as (_, host, port), connected(host, port) as (reader, writer):
        peak = reset_peak()
        writer.write(b"POST /f HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % LARGE)
        for _ in range(LARGE >> 20):
            writer.write(block)
            await writer.drain()
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        left = LARGE
        while left:
            left -= len(await asyncio.wait_for(reader.read(1 << 18), 20))
        assert sizes == [LARGE]
        assert peak_bytes() - peak < ROOM


def reset_peak() -> int:
    """Memory held now, from which the peak counts again."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    return peak_bytes()


def peak_bytes() -> int:
    text = pathlib.Path("/proc/self/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    assert found is not None
    return int(found[1]) * 1024


async def test_every_request_makes_one_line_of_the_access_log(
    capfdbinary: pytest.CaptureFixture[bytes],
):
    written = bytearray()

    def lines() -> list[bytes]:
        written.extend(capfdbinary.readouterr().out)
        return bytes(written).splitlines()

    async def hello(request: servers.Request) -> servers.Response:
        await request.read(1 << 20)
        return servers.Response(201, [], b"hello")

    pod = await routing.Pod(hello).start()
    async with routing.a_router(config.Config(access_log=True)) as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", prefix="/f", methods=["POST"]),
            routing.a_slice("s", [pod.address]),
        )
        named = [("X-Fission-Request-ID", "mine")]
        await routed.call("POST", "/f/a?b=c", body=b"123", headers=named)
        await routed.call("GET", "/none")
        await waiting.until(lambda: len(lines()) == 2)
    first, second = (json.loads(line) for line in lines())
    assert first.pop("latency_seconds") >= first.pop("pod_seconds") > 0
    assert first.pop("time").endswith("Z")
    assert first == {
        "message": "function access",
        "request_id": "mine",
        "remote": "127.0.0.1",
        "method": "POST",
        "host": routed.public.removeprefix("http://"),
        "url": "/f/a?b=c",
        "status": 201,
        "namespace": "default",
        "function": "hello",
        "route": "/f",
        "bytes_in": 3,
        "bytes_out": 5,
    }
    assert (second["status"], second["url"], "function" in second) == (404, "/none", False)
    await pod.stop()
