"""Ticks on their way to functions: when, what, how often, and what is said about them."""

from __future__ import annotations

import asyncio

import pytest

from fission.api import resources
from fission.meta import conditions
from fission_http import server
from tests.integration.timer import world
from tests.support import fakerouter, kinds
from tests.support import waiting as waits

pytestmark = pytest.mark.asyncio(loop_scope="package")

NOON = world.datetime.datetime(2027, 6, 1, 12, tzinfo=world.datetime.UTC)


async def test_a_trigger_calls_its_function_at_the_instant_and_says_so(
    shared: world.Shared,
) -> None:
    async with shared.fresh() as here, here.timer():
        await here.create("tick", "* * * * * *", method="PUT", subpath="/a?b=1")
        await waits.until(lambda: len(here.router.calls) >= 2)
        call = here.router.calls[0]
        assert (call.method, call.target, call.body) == (
            "PUT",
            "/fission-function/hello/a?b=1",
            b"",
        )
        assert call.headers["x-fission-timer-name"] == "tick"
        instants = here.instants("tick")
        assert len(set(instants)) == len(instants)
        for one in here.router.calls:
            scheduled = one.headers["x-fission-timer-scheduled-at"]
            due_at = world.clocks.parse_rfc3339(scheduled).timestamp()
            assert 0 <= one.at - due_at < 0.5
        found = await here.eventually("tick", cron="* * * * * *")
        assert conditions.get(found["conditions"], "Ready")["status"] == "True"  # type: ignore[index]
        await waits.until_so(lambda: _delivered(here, "tick"))


async def _delivered(here: world.World, name: str) -> bool:
    found = await here.status(name)
    return (found.get("delivery") or {}).get("delivered", 0) > 0


async def test_a_schedule_that_cannot_be_read_is_said_and_mended(shared: world.Shared) -> None:
    async with shared.fresh() as here, here.timer():
        await here.create("bad", "0 25 * * *")
        await waits.until_so(lambda: _has_reason(here, "bad", "InvalidCron"))
        condition = await here.condition("bad", "Scheduled")
        assert condition["status"] == "False"
        assert 'field hour "25"' in condition["message"]
        patch = {"spec": {"cron": "* * * * * *"}}
        await here.kube.patch(resources.TIMETRIGGERS, "bad", patch, "default")
        await waits.until_so(lambda: _has_reason(here, "bad", "CronRegistered"))
        await waits.until(lambda: here.instants("bad"))
        # Not a single tick from before the schedule could be read.
        assert (await here.status("bad")).get("missed", 0) == 0


async def test_a_function_that_is_missing_is_said_until_it_comes(shared: world.Shared) -> None:
    async with shared.fresh() as here, here.timer():
        await here.create("early", "@daily", functionref={"type": "name", "name": "later"})
        await waits.until_so(lambda: _has_reason(here, "early", "FunctionNotFound"))
        condition = await here.condition("early")
        assert condition["message"] == (
            'spec.functionref.name: there is no function "default/later"'
        )
        assert (await here.condition("early", "Scheduled"))["status"] == "True"
        await here.kube.create(resources.FUNCTIONS, kinds.function("later"))
        await waits.until_so(lambda: _has_reason(here, "early", "CronRegistered"))
        await here.kube.delete(resources.FUNCTIONS, "later", "default")
        await waits.until_so(lambda: _has_reason(here, "early", "FunctionNotFound"))


async def test_calls_of_one_trigger_follow_one_another_and_too_many_are_dropped(
    shared: world.Shared,
) -> None:
    clock = world.TurnedClock(NOON)
    async with shared.fresh(queue_size=2) as here:
        await _create(here, "slow", "* * * * * *")
        release = asyncio.Event()
        running = most = 0

        async def slow() -> server.Response:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await release.wait()
            running -= 1
            return server.Response(200)

        here.router.answer = lambda _: slow()
        async with here.timer(clock):
            await waits.until(lambda: here.router.calls or _pass(clock, 0.1))
            for _ in range(4):
                clock.pass_seconds(1)
                await asyncio.sleep(0.05)
            assert len(here.router.calls) == 1
            found = await here.eventually("slow", missed=2)
            release.set()
            await waits.until(lambda: len(here.router.calls) == 3)
            assert most == 1
            instants = here.instants("slow")
            assert instants == [f"2027-06-01T12:00:0{n}Z" for n in (1, 2, 3)]
            assert found["lastFireTime"] == instants[0]
            await waits.until_so(lambda: _is_told(here, "slow", "longer than the schedule leaves"))


async def test_a_tick_that_waits_for_its_instant_keeps_no_call_from_going_out(
    shared: world.Shared,
) -> None:
    clock = world.TurnedClock(NOON)
    ahead = {"claim_lead_seconds": 50.0, "longest_claim_lead_seconds": 50.0}
    async with shared.fresh(concurrent_calls=1, **ahead) as here:
        await _create(here, "later", "30 1 * * * *")
        async with here.timer(clock):
            clock.pass_seconds(45)
            await here.eventually("later", lastFireTime="2027-06-01T12:01:30Z")
            await _create(here, "sooner", "0 1 * * * *")
            clock.pass_seconds(15)
            await here.eventually("sooner", lastSettledTime="2027-06-01T12:01:00Z")
            assert here.instants("later") == []
            clock.pass_seconds(30)
            await here.eventually("later", lastSettledTime="2027-06-01T12:01:30Z")


async def test_a_router_that_is_away_costs_no_tick(shared: world.Shared) -> None:
    clock = world.TurnedClock(NOON)
    async with shared.fresh() as here:
        await _create(here, "tick", "* * * * *")
        async with here.timer(clock):
            async with here.router.away():
                clock.pass_seconds(60)
                await waits.until_so(lambda: _has_claimed(here, "tick"))
                clock.pass_seconds(60)
            await waits.until(lambda: len(here.instants("tick")) == 2)
            assert here.instants("tick") == ["2027-06-01T12:01:00Z", "2027-06-01T12:02:00Z"]
            found = await here.eventually("tick", lastSettledTime="2027-06-01T12:02:00Z")
            assert found["delivery"]["delivered"] == 2
            assert found.get("missed", 0) == found.get("unknown", 0) == 0


async def test_what_the_function_answers_is_recorded(shared: world.Shared) -> None:
    clock = world.TurnedClock(NOON)
    async with shared.fresh() as here:
        await _create(here, "fails", "* * * * *")
        here.router.answer = lambda _: server.Response(500, body=b"boom")
        async with here.timer(clock):
            clock.pass_seconds(60)
            found = await here.eventually("fails", lastSettledTime="2027-06-01T12:01:00Z")
            assert found["delivery"]["failed"] == 1
            assert found["delivery"]["lastError"]["message"] == "500 from function: boom"
            await waits.until_so(lambda: _is_told(here, "fails", "500 from function: boom"))
            # What the platform refused comes again, with the same id.
            replies = [fakerouter.platform_error(429, "capacity_exceeded", "executor")]
            here.router.answer = lambda call: replies.pop() if replies else fakerouter.ok(call)
            clock.pass_seconds(60)
            await waits.until(lambda: len(here.router.calls) == 3)
            assert here.instants("fails")[1:] == ["2027-06-01T12:02:00Z"] * 2
            ids = {call.headers["x-fission-request-id"] for call in here.router.calls[1:]}
            assert len(ids) == 1
            found = await here.eventually("fails", lastSettledTime="2027-06-01T12:02:00Z")
            assert (found["delivery"]["delivered"], found["delivery"]["failed"]) == (1, 1)


async def test_a_lost_answer_is_said_and_the_tick_not_repeated(shared: world.Shared) -> None:
    clock = world.TurnedClock(NOON)
    async with shared.fresh() as here:
        await _create(here, "lost", "* * * * *")
        hanging = asyncio.Event()

        async def hang() -> server.Response:
            await hanging.wait()
            return server.Response(200)

        here.router.answer = lambda _: hang()
        async with here.timer(clock):
            clock.pass_seconds(60)
            await waits.until(lambda: here.router.calls)
            async with here.router.away():
                pass
            found = await here.eventually("lost", unknown=1)
            assert (
                "may or may not have reached the function"
                in (found["delivery"]["lastError"]["message"])
            )
            here.router.answer = fakerouter.ok
            clock.pass_seconds(60)
            await waits.until(lambda: len(here.router.calls) == 2)
            assert here.instants("lost") == ["2027-06-01T12:01:00Z", "2027-06-01T12:02:00Z"]


async def test_a_deleted_trigger_fires_no_more(shared: world.Shared) -> None:
    clock = world.TurnedClock(NOON)
    async with shared.fresh() as here:
        for name in ("short", "other"):
            await _create(here, name, "* * * * *")
        async with here.timer(clock) as timer:
            clock.pass_seconds(60)
            await waits.until(lambda: here.instants("short") and here.instants("other"))
            await here.kube.delete(resources.TIMETRIGGERS, "short", "default")
            await _create(here, "third", "* * * * *")
            await waits.until_so(lambda: _has_reason(here, "third", "CronRegistered"))
            clock.pass_seconds(60)
            await waits.until(lambda: here.instants("third") and len(here.instants("other")) == 2)
            assert len(here.instants("short")) == 1
            assert timer.is_ready


async def _create(here: world.World, name: str, cron: str) -> None:
    await here.create(name, cron)
    await here.counting_since(name, NOON)


async def _is_told(here: world.World, name: str, text: str) -> bool:
    return any(text in one["message"] for one in await here.events(name))


def _pass(clock: world.TurnedClock, seconds: float) -> None:
    clock.pass_seconds(seconds)


async def _has_reason(here: world.World, name: str, reason: str) -> bool:
    return (await here.condition(name)).get("reason") == reason


async def _has_claimed(here: world.World, name: str) -> bool:
    return bool((await here.status(name)).get("lastFireTime"))
