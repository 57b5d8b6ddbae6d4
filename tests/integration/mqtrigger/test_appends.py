"""Events of many go into a topic together, and each hears of its own."""

from __future__ import annotations

import asyncio
import pathlib

import pytest

from fission.contracts import statestore as wire
from fission.delivery import statestore_errors
from fission.mqtrigger.drivers import statestore_appends
from tests.support import statestores


async def test_events_keep_their_order_and_share_calls(tmp_path: pathlib.Path) -> None:
    async with statestores.running(tmp_path) as served:
        client = served.client()
        appends = statestore_appends.Appends(client)
        bodies = [b"%d" % number for number in range(300)]
        await asyncio.gather(*(appends.add("s", wire.Event(payload=body)) for body in bodies))
        events = (await client.read("s", 0, 1000)).events
        assert [event.payload for event in events] == bodies


async def test_one_that_is_refused_takes_no_other_along(tmp_path: pathlib.Path) -> None:
    async with statestores.running(tmp_path) as served:
        client = served.client()
        appends = statestore_appends.Appends(client)
        events = [wire.Event(payload=b"%d" % number) for number in range(4)]
        events[2].key = "k" * 10_000
        told = await asyncio.gather(
            *(appends.add("s", event) for event in events), return_exceptions=True
        )
        assert [type(one) for one in told] == [
            type(None),
            type(None),
            statestore_errors.Rejected,
            type(None),
        ]
        kept = (await client.read("s", 0)).events
        assert [event.payload for event in kept] == [b"0", b"1", b"3"]


async def test_who_gave_up_is_left_out_and_who_waits_at_the_end_is_let_go(
    tmp_path: pathlib.Path,
) -> None:
    async with statestores.running(tmp_path) as served:
        client = served.client()
        appends = statestore_appends.Appends(client)
        tasks = [
            asyncio.ensure_future(appends.add("s", wire.Event(payload=b"%d" % number)))
            for number in range(3)
        ]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        kept = (await client.read("s", 0)).events
        assert [event.payload for event in kept] == [b"0", b"2"]

        last = asyncio.ensure_future(appends.add("s", wire.Event(payload=b"last")))
        await asyncio.sleep(0)
        await appends.close()
        with pytest.raises(asyncio.CancelledError):
            await last

        await served.stop()
        with pytest.raises(statestore_errors.Unreachable):
            await appends.add("s", wire.Event(payload=b"away"))
