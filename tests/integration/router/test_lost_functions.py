"""Pods whose runtime was restarted and has no function any more, but that are still shown."""

from __future__ import annotations

import pytest

from fission_http import server as servers
from tests.support import routing


async def hello(request: servers.Request) -> servers.Response:
    return servers.Response(200, [], await request.read(1 << 20))


@pytest.mark.parametrize("status", [500, 400])
async def test_a_call_that_meets_one_goes_elsewhere(status):
    async def generic(request: servers.Request) -> servers.Response:
        return servers.Response(status, [("X-Fission-Busy", "0")], b"Generic container")

    lost, good = await routing.Pod(generic).start(), await routing.Pod(hello).start()
    async with routing.a_router() as routed:
        routed.add(
            routing.a_function(),
            routing.a_trigger("t", relativeurl="/hello", methods=["POST"]),
            routing.a_slice("s1", [lost.address]),
        )
        routed.executor.addresses = [good.address]
        answer = await routed.call("POST", "/hello", body=b"data")
        assert (answer.status, answer.body) == (200, b"data")
        assert len(lost.requests) == 1
    await lost.stop()
    await good.stop()
