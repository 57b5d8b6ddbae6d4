"""Pods that are missing, busy, slow, dead or rude; an executor that is away."""

import asyncio
import contextlib
import json
import select
import socket
import struct
from collections.abc import AsyncIterator

import pytest

from fission.router import config
from fission_http import errors as http_errors
from fission_http import server as servers
from tests.support import rawpeer, routing, waiting


async def hello(request: servers.Request) -> servers.Response:
    return servers.Response(200, [], b"hello")


def a_dead_address() -> tuple[str, int]:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        return gone.getsockname()


def a_rude_pod(answer: bytes) -> contextlib.AbstractAsyncContextManager[tuple[str, int]]:
    """A pod that reads a head, writes bytes, and closes."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return rawpeer.raw_peer(converse)


async def test_a_cold_function_gets_its_address_from_the_executor_once():
    pod = await routing.Pod(hello).start()
    async with routing.a_router() as routed:
        routed.add(routing.a_function(), routing.a_trigger("t", relativeurl="/hello"))
        routed.executor.addresses = [pod.address]
        for _ in range(5):
            assert (await routed.call("GET", "/hello")).body == b"hello"
        assert routed.executor.calls == {"getServiceForFunction": 1}
        host, port = pod.address
        await waiting.until(lambda: routed.executor.untaps)
        (untap,) = routed.executor.untaps
        assert untap["ServiceURL"] == f"{host}:{port}"
        await routed.core.tapper.flush(asyncio.get_running_loop().time())
        (tap,) = routed.executor.taps
        assert tap["ServiceURL"] == f"http://{host}:{port}"
        assert tap["FnMetadata"]["uid"] == "uid-hello"
        assert tap["FnExecutorType"] == "poolmgr"
        await routed.core.tapper.flush(asyncio.get_running_loop().time())
        assert len(routed.executor.taps) == 1
    await pod.stop()


async def test_warm_traffic_does_not_need_the_executor():
    pod = await routing.Pod(hello).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello"),
            routing.a_slice("s", [pod.address]),
        )
        await routed.executor.stop()
        for _ in range(3):
            assert (await routed.call("GET", "/hello")).status == 200
    await pod.stop()


async def test_an_executor_that_is_away_is_waited_for():
    pod = await routing.Pod(hello).start()
    async with routing.a_router() as routed:
        routed.add(routing.a_function(), routing.a_trigger("t", relativeurl="/hello"))
        routed.executor.addresses = [pod.address]
        port = routed.executor.port
        await routed.executor.stop()
        call = asyncio.create_task(routed.call("GET", "/hello"))
        await waiting.until(lambda: routed.core.capacity._starting)
        await routed.executor.start(port)
        assert (await call).status == 200
    await pod.stop()


@pytest.mark.parametrize(
    ("failure", "status", "component", "reason"),
    [
        ((429, "concurrency '1' limit reached."), 429, "executor", "capacity_exceeded"),
        ((500, "SyntaxError in hello.py"), 500, "executor", "specialization_failed"),
        ((404, "environment not found"), 500, "executor", "specialization_failed"),
        ((504, "too slow"), 504, "timeout", "wait_timeout"),
    ],
)
async def test_the_executors_refusals_reach_the_client(failure, status, component, reason):
    async with routing.a_router(config.Config(debug=True)) as routed:
        routed.add(routing.a_function(), routing.a_trigger("t", relativeurl="/hello"))
        routed.executor.failure = failure
        answer = await routed.call("GET", "/hello")
        assert answer.status == status
        body = answer.json()
        assert (body["component"], body["reason"]) == (component, reason)
        assert body["requestId"] == answer.headers["x-fission-request-id"]
        assert "message" not in body
        assert answer.headers["x-fission-component"] == component
        assert ("retry-after" in answer.headers) is (status == 429)
        asked = [("X-Fission-Debug", "true")]
        detailed = (await routed.call("GET", "/hello", headers=asked)).json()
        assert "message" in detailed


async def test_an_address_that_refuses_is_out_at_once_and_another_is_tried():
    pod = await routing.Pod(hello).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello", methods=["POST"]),
            routing.a_slice("dead", [a_dead_address()]),
            routing.a_slice("live", [pod.address]),
        )
        for _ in range(4):
            answer = await routed.call("POST", "/hello", body=b"x" * 1000)
            assert answer.status == 200
        assert not routed.executor.calls
    await pod.stop()


async def test_a_dead_pod_is_replaced_through_the_executor():
    pod = await routing.Pod(hello).start()
    async with routing.a_router() as routed:
        routed.add(routing.a_function(), routing.a_trigger("t", relativeurl="/hello"))
        routed.executor.addresses = [pod.address]
        assert (await routed.call("GET", "/hello")).status == 200
        await pod.stop()
        successor = await routing.Pod(hello).start()
        routed.executor.addresses = [successor.address]
        assert (await routed.call("GET", "/hello")).status == 200
        await successor.stop()


async def test_a_function_that_nobody_runs_ends_in_an_error():
    settings = config.Config(max_retries=3)
    async with routing.a_router(settings) as routed:
        routed.add(routing.a_function(), routing.a_trigger("t", relativeurl="/hello"))
        routed.executor.addresses = [a_dead_address()]
        answer = await routed.call("GET", "/hello")
        assert answer.status == 500
        assert answer.json()["reason"] == "connection_refused"
        assert routed.executor.calls["getServiceForFunction"] == 3


async def test_a_slow_function_times_out_and_the_next_call_is_fine():
    began = asyncio.Event()

    async def slow_once(request: servers.Request) -> servers.Response:
        if not began.is_set():
            began.set()
            await asyncio.Event().wait()
        return servers.Response(200, [], b"fine")

    pod = await routing.Pod(slow_once).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(functionTimeout=1),
            routing.a_trigger("t", relativeurl="/hello"),
            routing.a_slice("s", [pod.address]),
        )
        answer = await routed.call("GET", "/hello")
        assert answer.status == 504
        assert answer.json()["component"] == "timeout"
        assert answer.json()["reason"] == "function_timeout"
        assert (await routed.call("GET", "/hello")).body == b"fine"
    await pod.stop()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ],
)
async def test_a_pod_that_breaks_off_or_babbles_is_an_error_of_the_function(answer):
    async with routing.a_router() as routed, a_rude_pod(answer) as address:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello", methods=["POST"]),
            routing.a_slice("s", [address]),
        )
        response = await routed.call("POST", "/hello", body=b"x")
        assert response.status == 500
        assert response.json()["reason"] == "function_error"
        assert response.json()["component"] == "function"
        families = {family.name: family for family in routed.core.metrics.collect()}
        labels = families["fission_invocation_failures"].samples[0].labels
        assert labels == {"component": "function", "reason": "function_error"}


async def test_an_answer_that_breaks_off_cuts_the_client_off():
    async with (
        routing.a_router() as routed,
        a_rude_pod(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal") as address,
    ):
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello"),
            routing.a_slice("s", [address]),
        )
        with pytest.raises(http_errors.ConnectionLost):
            await routed.call("GET", "/hello", replay=False)


async def test_a_kept_connection_that_died_is_replaced_for_safe_methods_only():
    connections = 0

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.readuntil(b"\r\n\r\n")  # the next request arrives, and is dropped

    async with rawpeer.raw_peer(once) as address, routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello", methods=["GET", "POST"]),
            routing.a_slice("s", [address]),
        )
        for _ in range(3):
            assert (await routed.call("GET", "/hello")).body == b"ok"
        assert connections == 3
        assert (await routed.call("POST", "/hello")).json()["reason"] == "function_error"
        assert (await routed.call("POST", "/hello")).body == b"ok"


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 500)])
async def test_a_pod_that_ends_before_it_reads_the_request(method: str, status: int):
    pod = await routing.Pod(hello).start()
    with socket.create_server(("127.0.0.1", 0)) as ending:
        async with routing.a_router() as routed:
            routed.add(
                routing.a_function(),
                routing.a_trigger("t", relativeurl="/hello", methods=["GET", "POST"]),
            )
            routed.executor.addresses = [ending.getsockname(), pod.address]
            call = asyncio.ensure_future(routed.call(method, "/hello"))
            for _ in range(2 if method == "GET" else 1):
                await waiting.until(lambda: is_readable(ending))
                connection = ending.accept()[0]
                await waiting.until(lambda: is_readable(connection))  # noqa: B023
                reset(connection)
            ending.close()
            assert (await call).status == status
    await pod.stop()


def is_readable(connection: socket.socket) -> bool:
    """Whether a connection waits there, or bytes."""
    return bool(select.select([connection], [], [], 0)[0])


def reset(connection: socket.socket) -> None:
    """Close as the kernel does for a process that ended with input unread."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


async def test_an_answer_without_length_is_chunked_for_the_client():
    async with (
        routing.a_router() as routed,
        a_rude_pod(b"HTTP/1.1 200 OK\r\nContent-Type: x/y\r\n\r\nall of it") as address,
    ):
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello"),
            routing.a_slice("s", [address]),
        )
        answer = await routed.call("GET", "/hello")
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.body == b"all of it"
        assert (await routed.call("GET", "/hello")).status == 200
        assert routed.client.open_connections == 1


async def test_an_old_client_gets_no_chunks():
    async def stream(request: servers.Request) -> servers.Response:
        async def pieces() -> AsyncIterator[bytes]:
            for number in range(3):
                yield b"%d" % number

        return servers.Response(200, [], pieces())

    pod = await routing.Pod(stream).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello"),
            routing.a_slice("s", [pod.address]),
        )
        host, _, port = routed.public.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        head, _, body = (await asyncio.wait_for(reader.read(), 5)).partition(b"\r\n\r\n")
        assert body == b"012"
        assert b"Transfer-Encoding" not in head
        assert b"Connection: close" in head
        writer.close()
        await writer.wait_closed()
    await pod.stop()


async def test_requests_beyond_the_limit_of_a_pod_wait_for_another_pod():
    running = 0
    most = 0
    go = asyncio.Event()

    async def count(request: servers.Request) -> servers.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await go.wait()
        running -= 1
        return servers.Response(200, [], b"done")

    first, second = await routing.Pod(count).start(), await routing.Pod(count).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(requestsPerPod=2),
            routing.a_trigger("t", relativeurl="/hello"),
            routing.a_slice("s", [first.address]),
        )
        routed.executor.addresses = [second.address]
        calls = [asyncio.create_task(routed.call("GET", "/hello")) for _ in range(4)]
        await waiting.until(lambda: running == 4)
        assert len(first.requests) == len(second.requests) == 2
        assert routed.executor.calls["ensureCapacity"] == 1
        go.set()
        assert [answer.status for answer in await asyncio.gather(*calls)] == [200] * 4
    await first.stop()
    await second.stop()


async def test_short_requests_queue_for_the_pod_there_is():
    pod = await routing.Pod(hello).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello"),
            routing.a_slice("s", [pod.address]),
        )
        routed.executor.failure = (429, "no more")
        calls = [routed.call("GET", "/hello") for _ in range(20)]
        answers = await asyncio.gather(*calls)
        assert [answer.status for answer in answers] == [200] * 20
        assert not routed.executor.calls
    await pod.stop()


async def test_the_queue_is_bounded():
    pod = await routing.Pod(hello).start()
    async with routing.a_router(config.Config(max_queued_per_function=2)) as routed:
        routed.add(routing.a_function(), routing.a_trigger("t", relativeurl="/hello"))
        routed.executor.addresses = [pod.address]
        routed.executor.hold = asyncio.Event()
        calls = [asyncio.create_task(routed.call("GET", "/hello")) for _ in range(2)]
        await waiting.until(lambda: routed.executor.calls.total() == 2)
        answer = await routed.call("GET", "/hello")
        assert answer.status == 429
        assert answer.headers["retry-after"] == "1"
        routed.executor.hold.set()
        assert [each.status for each in await asyncio.gather(*calls)] == [200, 200]
    await pod.stop()


async def test_a_pod_that_says_it_is_busy_is_passed_over():
    async def busy(request: servers.Request) -> servers.Response:
        return servers.Response(503, [("X-Fission-Busy", "1")], b"full")

    first, second = await routing.Pod(busy).start(), await routing.Pod(hello).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello", methods=["POST"]),
            routing.a_slice("s1", [first.address]),
        )
        routed.executor.addresses = [second.address]
        for _ in range(2):
            answer = await routed.call("POST", "/hello", body=b"data")
            assert (answer.status, answer.body) == (200, b"hello")
        assert second.requests[0].body_length == 4
    await first.stop()
    await second.stop()


@pytest.mark.parametrize("size", [200_000, 900_000])
async def test_a_large_body_meets_a_busy_pod_and_goes_to_another(size):
    async def busy(request: servers.Request) -> servers.Response:
        return servers.Response(503, [("X-Fission-Busy", "1")], b"full")

    first, second = await routing.Pod(busy).start(), await routing.Pod(hello).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello", methods=["POST"]),
            routing.a_slice("s1", [first.address]),
        )
        routed.executor.addresses = [second.address]
        answer = await routed.call("POST", "/hello", body=b"x" * size)
        assert (answer.status, answer.body) == (200, b"hello")
        assert second.requests[0].body_length == size
        assert routed.core.public._shared.replays.large == 0
    await first.stop()
    await second.stop()


async def test_a_body_too_large_to_be_sent_again_is_refused_in_the_routers_words():
    async def busy_at_last(request: servers.Request) -> servers.Response:
        await request.read(8 << 20)
        return servers.Response(503, [("X-Fission-Busy", "1")], b"full")

    pod = await routing.Pod(busy_at_last).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello", methods=["POST"]),
            routing.a_slice("s1", [pod.address]),
        )
        answer = await routed.call("POST", "/hello", body=b"x" * (4 << 20))
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert "x-fission-busy" not in answer.headers
        body = answer.json()
        assert (body["component"], body["reason"]) == ("router", "capacity_exceeded")
        assert routed.core.public._shared.replays.large == 0
        (function,) = routed.core.catalog.functions()
        await waiting.until(lambda: not any(each.in_flight for each in function.slots.known))
    await pod.stop()


async def test_a_request_waits_while_every_pod_is_busy_for_others():
    """Another router's requests run there: a place in line, not an error, until the deadline."""
    refusals = 15

    async def busy_for_a_while(request: servers.Request) -> servers.Response:
        if len(pod.requests) <= refusals:
            return servers.Response(503, [("X-Fission-Busy", "1")], b"full")
        return servers.Response(200, [], b"hello")

    pod = await routing.Pod(busy_for_a_while).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello"),
            routing.a_slice("s", [pod.address]),
        )
        routed.executor.addresses = [pod.address]
        assert (await routed.call("GET", "/hello")).status == 200
        assert len(pod.requests) == refusals + 1
        assert "getServiceForFunction" not in routed.executor.calls
    await pod.stop()


async def test_once_only_and_strict_functions_ask_for_every_request():
    pod = await routing.Pod(hello).start()
    async with routing.a_router() as routed:
        strict = {"fission.io/concurrency-enforcement": "strict"}
        routed.add(
            routing.a_function("once", onceOnly=True),
            routing.a_function("strict", annotations=strict),
            routing.a_slice("s", [pod.address], function="once"),
            routing.a_slice("s2", [pod.address], function="strict"),
        )
        routed.executor.addresses = [pod.address]
        for name in ("once", "once", "strict"):
            await routed.call("GET", f"/fission-function/{name}", internal=True)
        assert routed.executor.calls == {"getServiceForFunction": 3}
        await waiting.until(lambda: len(routed.executor.untaps) == 3)
    await pod.stop()


async def test_a_changed_function_gets_pods_of_its_own():
    old = await routing.Pod(hello).start()

    async def newer(request: servers.Request) -> servers.Response:
        return servers.Response(200, [], b"hello2")

    new = await routing.Pod(newer).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello"),
            routing.a_slice("s", [old.address]),
        )
        assert (await routed.call("GET", "/hello")).body == b"hello"
        routed.executor.addresses = [new.address]
        routed.add(routing.a_function(generation=2, resource_version="9"))
        assert (await routed.call("GET", "/hello")).body == b"hello2"
        routed.core.catalog.function_changed(routing.a_function(), None)
        routed.core.catalog.rebuild()
        assert (await routed.call("GET", "/hello")).status == 404
    await old.stop()
    await new.stop()


async def test_a_service_in_front_is_one_address_without_a_limit():
    pod = await routing.Pod(hello).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(executor_type="newdeploy"),
            routing.a_trigger("t", relativeurl="/hello"),
        )
        routed.executor.addresses = [pod.address]
        answers = await asyncio.gather(*(routed.call("GET", "/hello") for _ in range(10)))
        assert {answer.status for answer in answers} == {200}
        assert routed.executor.calls == {"getServiceForFunction": 1}
        assert not routed.executor.untaps
    await pod.stop()


async def test_a_client_that_leaves_frees_its_slot():
    began, cancelled = asyncio.Event(), asyncio.Event()

    async def forever(request: servers.Request) -> servers.Response:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    pod = await routing.Pod(forever).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello"),
            routing.a_slice("s", [pod.address]),
        )
        call = asyncio.create_task(routed.call("GET", "/hello"))
        await began.wait()
        call.cancel()
        await asyncio.wait_for(cancelled.wait(), 5)
        (function,) = routed.core.catalog.functions()
        await waiting.until(lambda: function.slots.ready[0].in_flight == 0)
        families = {family.name: family for family in routed.core.metrics.collect()}
        assert families["fission_function_calls"].samples[0].labels["code"] == "499"
    await pod.stop()


async def test_streams_outlive_the_timeout_but_not_silence():
    go = asyncio.Event()

    async def stream(request: servers.Request) -> servers.Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            await go.wait()
            yield b"two"

        if request.path == "/silent":
            await asyncio.Event().wait()
        return servers.Response(200, [], pieces())

    pod = await routing.Pod(stream).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(functionTimeout=1, streaming={"idleTimeoutSeconds": 1}),
            routing.a_trigger("t", prefix="/s"),
            routing.a_slice("s", [pod.address]),
        )
        response = await routed.client.request("GET", f"{routed.public}/s")
        pieces = response.iter_bytes()
        assert await anext(pieces) == b"one"
        go.set()
        assert [piece async for piece in pieces] == [b"two"]
        answer = await routed.call("GET", "/s/silent")
        assert answer.status == 504
        assert answer.json()["reason"] == "stream_idle"
    await pod.stop()


async def test_a_websocket_is_passed_through():
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" in head
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: x\r\n\r\nhi"
        )
        while data := await reader.read(100):
            writer.write(data.upper())

    async with rawpeer.raw_peer(echo) as address, routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/ws"),
            routing.a_slice("s", [address]),
        )
        host, _, port = routed.public.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n"
            b"Upgrade: websocket\r\n\r\n"
        )
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" in head
        assert await reader.readexactly(2) == b"hi"
        writer.write(b"frame")
        assert await reader.readexactly(5) == b"FRAME"
        # reported every time while it is open, though its pod takes no new requests any more and
        # the function has changed: the executor must not reap the pod
        now = asyncio.get_running_loop().time
        for count in range(1, 3):
            await routed.core.tapper.flush(now())
            assert len(routed.executor.taps) == count
        shown = routing.a_slice("s", [address])
        routed.core.index.changed(shown, None)
        routed.add(routing.a_function(generation=2))
        for count in range(3, 5):
            await routed.core.tapper.flush(now())
            assert len(routed.executor.taps) == count
        assert {tap["ServiceURL"] for tap in routed.executor.taps} == {
            "http://{}:{}".format(*address)
        }
        routed.add(routing.a_function(), shown)
        writer.close()
        await writer.wait_closed()
        await waiting.until(lambda: not [*routed.core.index.of_function("uid-hello")[0].in_use])
        (function,) = routed.core.catalog.functions()
        await waiting.until(lambda: function.slots.ready[0].in_flight == 0)


async def test_plain_text_errors_can_be_asked_for():
    async with routing.a_router(config.Config(structured_errors=False)) as routed:
        routed.add(routing.a_function(), routing.a_trigger("t", relativeurl="/hello"))
        routed.executor.failure = (500, "broken")
        answer = await routed.call("GET", "/hello")
        assert (answer.status, answer.text()) == (500, "error sending request to function")


async def test_the_error_body_has_the_fields_of_the_contract():
    async with routing.a_router() as routed:
        routed.add(routing.a_function(), routing.a_trigger("t", relativeurl="/hello"))
        routed.executor.failure = (500, "broken")
        answer = await routed.call("GET", "/hello", headers=[("X-Fission-Request-ID", "r")])
        assert json.loads(answer.body) == {
            "component": "executor",
            "reason": "specialization_failed",
            "requestId": "r",
            "traceId": "",
        }
        assert answer.headers["content-type"] == "application/json"
