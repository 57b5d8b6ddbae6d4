"""Timers that die, that are many, that were stopped: no instant twice, and nothing in silence."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
from pathlib import Path
from typing import Any

import pytest

from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.kube import errors as kube_errors
from fission.meta import status as status_errors
from fission_http import server
from tests.integration.timer import world
from tests.support import component
from tests.support import waiting as waits

pytestmark = pytest.mark.asyncio(loop_scope="package")

NOON = datetime.datetime(2027, 6, 1, 12, tzinfo=datetime.UTC)


class PausedClock(clocks.SystemClock):
    """The system's clock as a process sees it that was stopped meanwhile."""

    paused_seconds = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.paused_seconds


async def test_a_killed_timer_and_its_successors_fire_no_instant_twice(
    shared: world.Shared, tmp_path: Path
) -> None:
    async with shared.fresh() as here:
        env = {
            "KUBE_API_SOCKET": here.api.socket,
            "FISSION_TENANCY_MODE": "cluster",
            "FISSION_ROUTER_INTERNAL_URL": here.router.url,
            "FISSION_INTERNAL_AUTH_SECRET": "0123456789abcdef0123456789abcdef",
        }
        words = ["-m", "fission.bundle.serve", "timer"]
        process = component.Component(words, "http", env, tmp_path / "log", "/healthz")
        await here.create("tick", "* * * * * *")
        try:
            for round_ in range(2):
                await asyncio.to_thread(process.start)
                seen = len(here.router.calls)
                await waits.until(lambda seen=seen: len(here.router.calls) > seen, 15.0)
                if round_ == 1:
                    # Killed between the claim and the call, as far as anybody can tell.
                    before = (await here.status("tick"))["lastFireTime"]
                    await waits.until_so(lambda before=before: _is_past(here, before))
                await asyncio.to_thread(process.kill)
        finally:
            await asyncio.to_thread(process.close)
        async with here.timer():
            seen = len(here.router.calls)
            await waits.until(lambda: len(here.router.calls) > seen + 1, 10.0)
        instants = here.instants("tick")
        assert len(set(instants)) == len(instants)
        found = await here.status("tick")
        # Every instant since the creation is in one of the counts.
        moments = [clocks.parse_rfc3339(one) for one in instants]
        created = clocks.parse_rfc3339(found["since"])
        passed = int((moments[-1] - created).total_seconds())
        counted = found["delivery"]["delivered"] + found.get("missed", 0) + found.get("unknown", 0)
        assert counted == passed, (found, instants)


async def test_a_claim_without_outcome_is_said_and_not_repeated(shared: world.Shared) -> None:
    clock = world.TurnedClock(NOON + datetime.timedelta(seconds=61))
    async with shared.fresh() as here:
        await here.create("tick", "* * * * *")
        await here.counting_since("tick", NOON)
        left = {"lastFireTime": "2027-06-01T12:01:00Z", "claimedBy": "gone"}
        await _write(here, left)
        async with here.timer(clock):
            found = await here.eventually("tick", unknown=1)
            assert found["lastSettledTime"] == "2027-06-01T12:01:00Z"
            text = found["delivery"]["lastError"]["message"]
            assert text.startswith("the tick at 2027-06-01T12:01:00Z may or may not have reached")
            assert "(gone) ended meanwhile" in text
            clock.set(NOON + datetime.timedelta(seconds=120))
            await here.eventually("tick", lastSettledTime="2027-06-01T12:02:00Z")
            assert here.instants("tick") == ["2027-06-01T12:02:00Z"]
        async with here.timer(clock):
            clock.set(NOON + datetime.timedelta(seconds=180))
            found = await here.eventually("tick", lastSettledTime="2027-06-01T12:03:00Z")
            assert found["unknown"] == 1


async def test_a_claim_that_came_late_from_a_timer_before_is_said(shared: world.Shared) -> None:
    clock = world.TurnedClock(NOON)
    async with shared.fresh() as here:
        await here.create("tick", "* * * * *")
        await here.counting_since("tick", NOON)
        async with here.timer(clock):
            await here.eventually("tick", nextFireTime="2027-06-01T12:01:00Z")
            await _write(here, {"lastFireTime": "2027-06-01T12:01:00Z", "claimedBy": "slow"})
            for minute in (1, 2):
                clock.set(NOON + datetime.timedelta(minutes=minute))
                await here.eventually("tick", lastFireTime=f"2027-06-01T12:0{minute}:00Z")
            found = await here.eventually("tick", lastSettledTime="2027-06-01T12:02:00Z")
        assert found["unknown"] == 1
        assert here.instants("tick") == ["2027-06-01T12:02:00Z"]


async def test_what_a_timer_passed_over_and_did_not_live_to_claim_is_counted_once(
    shared: world.Shared,
) -> None:
    clock = world.TurnedClock(NOON)
    async with shared.fresh() as here:
        await here.create("tick", "* * * * *")
        await here.counting_since("tick", NOON)
        answering = asyncio.Event()

        async def answer() -> server.Response:
            await answering.wait()
            return server.Response(200)

        here.router.answer = lambda _: answer()
        async with here.timer(clock):
            clock.set(NOON + datetime.timedelta(minutes=1))
            await waits.until(lambda: here.router.calls)
            # Two are passed over for 12:04, which waits for the call; then the timer ends.
            clock.set(NOON + datetime.timedelta(minutes=4))
            asyncio.get_running_loop().call_later(0.1, answering.set)
        assert (await here.status("tick")).get("missed", 0) == 0
        async with here.timer(clock):
            found = await here.eventually("tick", lastSettledTime="2027-06-01T12:04:00Z")
            assert found["missed"] == 2
        assert here.instants("tick") == ["2027-06-01T12:01:00Z", "2027-06-01T12:04:00Z"]


class DeletingClient(kube_client.Client):
    """Somebody deletes a trigger just before it is claimed."""

    async def patch(self, resource: Any, name: str, patch: Any, *rest: Any, **more: Any) -> Any:
        if name == "short" and patch.get("status", {}).get("lastFireTime"):
            with contextlib.suppress(status_errors.NotFound):
                await self.delete(resource, name, "default")
        return await super().patch(resource, name, patch, *rest, **more)


async def test_a_trigger_that_is_gone_when_its_tick_is_claimed_is_not_fired(
    shared: world.Shared,
) -> None:
    clock = world.TurnedClock(NOON)
    credentials = kube_config.load({"KUBE_API_SOCKET": shared.api.socket})
    async with shared.fresh() as here, DeletingClient(credentials) as kube:
        for name in ("short", "other"):
            await here.create(name, "* * * * *")
            await here.counting_since(name, NOON)
        async with here.timer(clock, kube=kube):
            for minute in (1, 2):
                clock.set(NOON + datetime.timedelta(minutes=minute))
                await here.eventually("other", lastSettledTime=f"2027-06-01T12:0{minute}:00Z")
        assert here.instants("short") == []


class ForgetfulClient(kube_client.Client):
    """Loses the answer of the first claim that it sends; the write itself comes through."""

    lost: list[str]

    async def patch(self, resource: Any, name: str, patch: Any, *rest: Any, **more: Any) -> Any:
        written = await super().patch(resource, name, patch, *rest, **more)
        claimed = patch.get("status", {}).get("lastFireTime")
        if claimed and not self.lost:
            self.lost.append(claimed)
            raise kube_errors.Unreachable("the connection was lost")
        return written


async def test_a_claim_whose_answer_was_lost_is_found_again(shared: world.Shared) -> None:
    clock = world.TurnedClock(NOON)
    credentials = kube_config.load({"KUBE_API_SOCKET": shared.api.socket})
    async with shared.fresh() as here, ForgetfulClient(credentials) as kube:
        kube.lost = []
        await here.create("tick", "* * * * *")
        await here.counting_since("tick", NOON)
        async with here.timer(clock, kube=kube):
            for minute in (1, 2):
                clock.set(NOON + datetime.timedelta(minutes=minute))
                await here.eventually("tick", lastSettledTime=f"2027-06-01T12:0{minute}:00Z")
        assert kube.lost == ["2027-06-01T12:01:00Z"]
        assert here.instants("tick") == ["2027-06-01T12:01:00Z", "2027-06-01T12:02:00Z"]


async def test_two_timers_without_election_share_the_instants(shared: world.Shared) -> None:
    clock = world.TurnedClock(NOON)
    async with shared.fresh() as here:
        await here.create("tick", "* * * * *")
        await here.counting_since("tick", NOON)
        async with here.timer(clock), here.timer(clock):
            for minute in range(1, 6):
                clock.set(NOON + datetime.timedelta(minutes=minute))
                await here.eventually("tick", lastSettledTime=f"2027-06-01T12:0{minute}:00Z")
        assert here.instants("tick") == [f"2027-06-01T12:0{n}:00Z" for n in range(1, 6)]


class ReadingClient(kube_client.Client):
    """Tells when the timer has looked at a trigger."""

    looked: asyncio.Event

    async def get(self, resource: Any, name: str, *rest: Any, **more: Any) -> Any:
        found = await super().get(resource, name, *rest, **more)
        self.looked.set()
        return found


async def test_what_another_timer_settled_is_neither_unknown_nor_undone(
    shared: world.Shared,
) -> None:
    clock = world.TurnedClock(NOON)
    credentials = kube_config.load({"KUBE_API_SOCKET": shared.api.socket})
    async with shared.fresh() as here, ReadingClient(credentials) as kube:
        kube.looked = asyncio.Event()
        await here.create("tick", "* * * * *")
        await here.counting_since("tick", NOON)
        async with here.timer(clock, kube=kube):
            await here.eventually("tick", nextFireTime="2027-06-01T12:01:00Z")
            await _write(here, {"lastFireTime": "2027-06-01T12:01:00Z", "claimedBy": "other"})
            clock.set(NOON + datetime.timedelta(minutes=1))
            await kube.looked.wait()
            await _write(here, {"lastSettledTime": "2027-06-01T12:01:00Z"})
            clock.set(NOON + datetime.timedelta(minutes=2))
            found = await here.eventually("tick", lastSettledTime="2027-06-01T12:02:00Z")
        assert found.get("unknown", 0) == 0
        assert here.instants("tick") == ["2027-06-01T12:02:00Z"]


async def test_of_two_timers_one_acts_and_the_other_takes_over(shared: world.Shared) -> None:
    async with shared.fresh(leader_election=True) as here:
        await here.create("tick", "* * * * * *")
        clock = PausedClock()
        async with contextlib.AsyncExitStack() as first:
            await first.enter_async_context(here.timer(clock))
            await waits.until(lambda: here.router.calls)
            leader = (await here.status("tick"))["claimedBy"]
            async with here.timer():
                # Stopped for longer than its lease lasts: it writes and calls no more until it has
                # the lease again, or ends because somebody was faster.
                clock.paused_seconds = 20.0
                seen = len(here.router.calls)
                await waits.until(lambda: len(here.router.calls) > seen, 10.0)
                with contextlib.suppress(base_errors.Error):
                    await first.aclose()
                await waits.until_so(lambda: _is_claimed_by_another(here, leader), 10.0)
                seen = len(here.router.calls)
                await waits.until(lambda: len(here.router.calls) > seen)
        instants = here.instants("tick")
        assert instants == sorted(set(instants))


async def test_a_timer_that_ends_in_order_leaves_nothing_unknown(shared: world.Shared) -> None:
    clock = world.TurnedClock(NOON)
    async with shared.fresh() as here:
        await here.create("tick", "* * * * *")
        await here.counting_since("tick", NOON)
        answering = asyncio.Event()

        async def answer() -> server.Response:
            await answering.wait()
            return server.Response(200)

        here.router.answer = lambda _: answer()
        async with here.timer(clock):
            clock.set(NOON + datetime.timedelta(seconds=60))
            await waits.until(lambda: here.router.calls)
            asyncio.get_running_loop().call_later(0.2, answering.set)
        found = await here.status("tick")
        assert found["lastSettledTime"] == "2027-06-01T12:01:00Z"
        assert found["delivery"]["delivered"] == 1


async def _write(here: world.World, status: dict[str, Any]) -> None:
    await here.kube.patch(
        world.resources.TIMETRIGGERS, "tick", {"status": status}, "default", subresource="status"
    )


async def _is_past(here: world.World, before: str) -> bool:
    return bool((await here.status("tick"))["lastFireTime"] > before)


async def _is_claimed_by_another(here: world.World, leader: str) -> bool:
    return bool((await here.status("tick"))["claimedBy"] != leader)
