"""Clocks that jump, changes of daylight saving, and time that went by without a timer."""

from __future__ import annotations

import datetime

import pytest

from fission.api import labels, resources
from tests.integration.timer import world
from tests.support import waiting as waits

pytestmark = pytest.mark.asyncio(loop_scope="package")


def _utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)


async def test_missed_ticks_are_collapsed_into_the_latest_if_it_is_not_too_long_ago(
    shared: world.Shared,
) -> None:
    start = _utc("2027-06-01T12:00:00Z")
    clock = world.TurnedClock(start)
    async with shared.fresh() as here:
        for name in ("lenient", "strict"):
            await here.create(name, "*/10 * * * *")
            await here.counting_since(name, start)
        await here.create("daily", "@daily")
        await here.counting_since("daily", start)
        patch = {"metadata": {"annotations": {labels.TIMER_MISSED_GRACE: "0s"}}}
        await here.kube.patch(resources.TIMETRIGGERS, "strict", patch, "default")
        async with here.timer(clock):
            clock.pass_seconds(600)
            await here.eventually("lenient", lastSettledTime="2027-06-01T12:10:00Z")
            await here.eventually("strict", lastSettledTime="2027-06-01T12:10:00Z")
        # No timer for 41 minutes: four ticks went by, the last of them a minute ago.
        clock.set(_utc("2027-06-01T12:51:00Z"))
        async with here.timer(clock):
            found = await here.eventually("lenient", lastSettledTime="2027-06-01T12:50:00Z")
            assert found["missed"] == 3
            await here.eventually("strict", missed=4)
            assert here.instants("lenient") == ["2027-06-01T12:10:00Z", "2027-06-01T12:50:00Z"]
            assert here.instants("strict") == ["2027-06-01T12:10:00Z"]
            # The clock is set forward by hours: the same rule, and beyond the grace nothing.
            clock.set(_utc("2027-06-02T00:06:00Z"))
            found = await here.eventually("daily", missed=1)
            assert found["nextFireTime"] == "2027-06-03T00:00:00Z"
            assert here.instants("daily") == []
            messages = [one["message"] for one in await here.events("daily")]
            assert messages == [
                "1 tick was missed, the latest at 2027-06-02T00:00:00Z: "
                "longer ago than the grace of 300 s"
            ]
        # Its successor does not count the same tick again.
        async with here.timer(clock):
            clock.set(_utc("2027-06-03T00:00:00Z"))
            found = await here.eventually("daily", lastSettledTime="2027-06-03T00:00:00Z")
            assert found["missed"] == 1
            assert here.instants("daily") == ["2027-06-03T00:00:00Z"]


async def test_a_clock_that_is_set_back_fires_nothing_twice(shared: world.Shared) -> None:
    start = _utc("2027-06-01T12:00:00Z")
    clock = world.TurnedClock(start)
    async with shared.fresh() as here:
        await here.create("tick", "*/10 * * * *")
        await here.counting_since("tick", start)
        async with here.timer(clock):
            clock.pass_seconds(600)
            await here.eventually("tick", lastSettledTime="2027-06-01T12:10:00Z")
            clock.set(_utc("2027-06-01T11:55:00Z"))
        async with here.timer(clock):
            for text in ("12:00:00", "12:10:00", "12:19:59"):
                clock.set(_utc(f"2027-06-01T{text}Z"))
            clock.set(_utc("2027-06-01T12:20:00Z"))
            await here.eventually("tick", lastSettledTime="2027-06-01T12:20:00Z")
            assert here.instants("tick") == ["2027-06-01T12:10:00Z", "2027-06-01T12:20:00Z"]


async def test_the_doubled_hour_fires_twice_and_the_skipped_one_not_at_all(
    shared: world.Shared,
) -> None:
    before = _utc("2027-11-06T12:00:00Z")
    clock = world.TurnedClock(before)
    async with shared.fresh() as here:
        for name, cron in (("night", "30 1 * * *"), ("gap", "30 2 * * *")):
            await here.create(name, f"CRON_TZ=America/New_York {cron}")
            await here.counting_since(name, before)
        async with here.timer(clock):
            clock.set(_utc("2027-11-07T05:30:00Z"))
            await here.eventually("night", lastSettledTime="2027-11-07T05:30:00Z")
        async with here.timer(clock):
            clock.set(_utc("2027-11-07T06:30:00Z"))
            await here.eventually("night", lastSettledTime="2027-11-07T06:30:00Z")
            # 2:30 comes once in autumn; the day's next 1:30 is tomorrow's.
            clock.set(_utc("2027-11-07T07:30:00Z"))
            found = await here.eventually("gap", lastSettledTime="2027-11-07T07:30:00Z")
            assert (await here.status("night"))["nextFireTime"] == "2027-11-08T06:30:00Z"
            assert found["nextFireTime"] == "2027-11-08T07:30:00Z"
            # In spring there is no 2:30.
            clock.set(_utc("2028-03-11T07:30:00Z"))
            found = await here.eventually("gap", lastSettledTime="2028-03-11T07:30:00Z")
            assert found["nextFireTime"] == "2028-03-13T06:30:00Z"
        assert here.instants("night") == ["2027-11-07T05:30:00Z", "2027-11-07T06:30:00Z"]


async def test_another_schedule_counts_from_the_change(shared: world.Shared) -> None:
    start = _utc("2027-06-01T12:00:00Z")
    clock = world.TurnedClock(start)
    async with shared.fresh() as here:
        await here.create("tick", "@daily")
        await here.counting_since("tick", start)
        await here.create("steady", "@every 7m")
        await here.counting_since("steady", start)
        async with here.timer(clock):
            clock.pass_seconds(3 * 3600)
            patch = {"spec": {"cron": "* * * * *"}}
            await here.kube.patch(resources.TIMETRIGGERS, "tick", patch, "default")
            found = await here.eventually("tick", cron="* * * * *")
            assert found["since"] == "2027-06-01T15:00:00Z"
            assert found.get("missed", 0) == 0
            clock.pass_seconds(60)
            await waits.until(lambda: here.instants("tick") == ["2027-06-01T15:01:00Z"])
            # An interval keeps its grid: 25 times seven minutes after its start.
            await here.eventually("steady", lastSettledTime="2027-06-01T14:55:00Z")
        async with here.timer(clock):
            clock.set(_utc("2027-06-01T15:02:00Z"))
            await here.eventually("steady", lastSettledTime="2027-06-01T15:02:00Z")
