"""A reader that no longer knows whether it reads: what it may still do, and what it may not."""

from __future__ import annotations

import asyncio
import pathlib

import pytest

from fission.base import clock as clocks
from fission.mqtrigger.drivers import base, statestore
from fission_http import server
from tests.integration.mqtrigger import world
from tests.support import fakerouter, statestores
from tests.support import waiting as waits


async def test_after_a_restart_of_statestore_a_reader_hands_back_what_it_has(
    tmp_path: pathlib.Path,
) -> None:
    settings = base.Settings("statestore", "", {"takeoverSeconds": "3600"}, {})
    async with statestores.running(tmp_path) as served:
        connector = statestore.Connector(served.client(), clocks.SystemClock())
        first = await connector.connect(settings)
        reader = await first.subscribe("in", "group")
        for body in (b"a", b"b"):
            await first.publish("in", body, {})
        held = [*await reader.receive(1, 5.0), *await reader.receive(1, 5.0)]
        await served.stop()
        with pytest.raises(base.Unreachable):
            await reader.settle(held[0])
        await served.start()
        await first.close()

        second = await connector.connect(settings)
        found = await (await second.subscribe("in", "group")).receive(10, 5.0)
        assert [(one.body, one.attempt) for one in found] == [(b"b", 2)]
        await second.close()


async def test_what_was_taken_over_meanwhile_comes_before_its_successors(
    tmp_path: pathlib.Path,
) -> None:
    async with world.running(tmp_path) as it:
        made = await it.create()
        going = asyncio.Event()

        async def slow(call: fakerouter.Received) -> server.Response:
            await going.wait()
            return server.Response(200, body=call.body)

        it.router.answer = slow
        await it.publish("in", b"0", b"1", b"2", key="k")
        await waits.until(lambda: it.bodies)

        connector = statestore.Connector(it.store, clocks.SystemClock())
        hasty = base.Settings("statestore", "", {"takeoverSeconds": "0.05"}, {}, "default")
        thief = await connector.connect(hasty)
        taken = await (await thief.subscribe("in", made["metadata"]["uid"])).receive(1, 5.0)
        assert [message.body for message in taken] == [b"0"]
        await thief.close()
        going.set()

        await it.until_settled("in")
        assert it.bodies == [b"0", b"0", b"1", b"2"]
