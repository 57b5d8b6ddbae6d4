"""The kernel's alarm clock."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator

import pytest

from fission.base import clock as clocks
from fission.timer import alarm


@pytest.fixture
async def bell() -> AsyncIterator[alarm.SystemAlarm]:
    made = alarm.SystemAlarm(clocks.SystemClock())
    yield made
    made.close()


def _in(seconds: float) -> datetime.datetime:
    return clocks.SystemClock().now() + datetime.timedelta(seconds=seconds)


async def test_it_rings_at_the_instant_and_not_before(bell: alarm.SystemAlarm) -> None:
    for wait in (bell.wait, bell.reach):
        instant = _in(0.05)
        await wait(instant)
        assert 0 <= (clocks.SystemClock().now() - instant).total_seconds() < 0.5


async def test_an_instant_that_is_over_rings_at_once(bell: alarm.SystemAlarm) -> None:
    async with asyncio.timeout(1):
        await bell.wait(_in(-3600))
        await bell.wait(datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC))
        await bell.reach(_in(-1))


async def test_it_can_be_woken_and_set_anew(bell: alarm.SystemAlarm) -> None:
    waiting = asyncio.ensure_future(bell.wait(None))
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    bell.wake()
    async with asyncio.timeout(1):
        await waiting
        sooner = _in(0.02)
        await bell.wait(sooner)
    assert clocks.SystemClock().now() >= sooner
