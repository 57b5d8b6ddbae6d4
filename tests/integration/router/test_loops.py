"""The same data plane on uvloop, which treats transports a little differently."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import uvloop

from fission_http import server as servers
from tests.support import routing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


async def answer(request: servers.Request) -> servers.Response:
    async def pieces() -> AsyncIterator[bytes]:
        async for piece in request.iter_bytes():
            yield piece

    return servers.Response(200, [], pieces())


async def upload() -> AsyncIterator[bytes]:
    for _ in range(50):
        yield b"x" * 65536


async def journey() -> None:
    pod = await routing.Pod(answer).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello", methods=["GET", "POST"]),
        )
        routed.executor.addresses = [pod.address]
        for body in (b"", b"small", b"x" * 2_000_000):
            found = await routed.call("POST", "/hello", body=body)
            assert (found.status, found.body) == (200, body)
        found = await routed.call("POST", "/hello", body=upload())
        assert len(found.body) == 50 * 65536
        await pod.stop()
        successor = await routing.Pod(answer).start()
        routed.executor.addresses = [successor.address]
        assert (await routed.call("GET", "/hello")).status == 200
        await successor.stop()
        # uvloop's own clock counts milliseconds.
        (spent,) = (
            sample.value
            for family in routed.core.metrics.collect()
            for sample in family.samples
            if sample.name == "fission_function_overhead_seconds_sum"
        )
        assert not (spent * 1000).is_integer()


def test_the_data_plane_runs_on_uvloop():
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(journey())
