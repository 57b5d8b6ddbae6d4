"""Lines and turns: many who wait, of one function and of several."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from fission.api import function_types, objects
from fission.base import tasks
from fission.router import capacity, endpoints, failures, slots, targets
from tests.support import routing, virtualtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Executor:
    """Notes who asks; the test answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, asyncio.Future[slots.Address]]] = []

    async def get_service(self, target: targets.Target, deadline: float) -> slots.Address:
        answer: asyncio.Future[slots.Address] = asyncio.get_running_loop().create_future()
        self.asked.append((target.name, answer))
        return await answer

    async def ensure_capacity(
        self, target: targets.Target, ready: int, busy: int, deadline: float
    ) -> slots.Address:
        return await self.get_service(target, deadline)

    async def untap(self, target: targets.Target, address: slots.Address) -> None:
        pass

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.asked]


@contextlib.asynccontextmanager
async def a_capacity(max_starting: int) -> AsyncIterator[tuple[capacity.Capacity, Executor]]:
    executor = Executor()
    async with tasks.Tasks() as work:
        yield (
            capacity.Capacity(
                executor,
                work,
                max_queued_per_function=10_000,
                max_starting_per_function=20,
                max_starting=max_starting,
            ),
            executor,
        )


def a_target(name: str) -> targets.Target:
    index = endpoints.EndpointIndex(slots.Bounds(), lambda: 0.0)
    wire = routing.a_function(name)
    return targets.make_target(
        wire, objects.decode(function_types.Function, wire), index.slots_of, 60.0
    )


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_functions_take_turns_for_calls_to_the_executor():
    greedy, modest = a_target("greedy"), a_target("modest")
    now = asyncio.get_running_loop().time()
    async with a_capacity(max_starting=2) as (own, executor):
        many = [asyncio.create_task(own.acquire(greedy, now)) for _ in range(20)]
        await settle()
        assert executor.names == ["greedy", "greedy"]
        one = asyncio.create_task(own.acquire(modest, now))
        await settle()
        assert executor.names == ["greedy", "greedy"]
        for number in range(2):
            executor.asked[number][1].set_result((f"127.0.0.{number + 2}", 1))
            await settle()
        place = executor.names.index("modest")
        assert place <= 3
        executor.asked[place][1].set_result(("127.0.0.9", 1))
        assert (await one).address == ("127.0.0.9", 1)
        for task in many:
            task.cancel()
        await asyncio.gather(*many, return_exceptions=True)


async def test_thousands_who_wait_and_leave_cost_little_each():
    target = a_target("busy")
    loop = asyncio.get_running_loop()
    async with a_capacity(max_starting=1) as (own, _):
        waiting = [asyncio.create_task(own.acquire(target, loop.time())) for _ in range(5000)]
        await settle()
        assert len(target.slots.waiting) == 5000
        started = loop.time()
        for task in reversed(waiting):
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert loop.time() - started < 2.0  # what is looked for one by one takes ten times as long
        assert not target.slots.waiting
        assert target.slots.is_idle or target.slots.asking


async def test_who_is_told_that_there_are_no_more_pods():
    target = a_target("full")
    own_slots = target.slots
    loop = asyncio.get_running_loop()
    own_slots.show([("127.0.0.1", 1)], loop.time())
    own_slots.service_seconds = 0.05
    async with a_capacity(max_starting=1) as (own, executor):
        running = await own.acquire(target, loop.time())
        calls = [asyncio.create_task(own.acquire(target, loop.time() - 1)) for _ in range(6)]
        await settle()
        executor.asked[0][1].set_exception(failures.capacity_exceeded("concurrency '1'"))
        await settle()
        # the newest goes, and those who would wait longer than a cold start takes
        told = [task.done() for task in calls]
        assert told == [False, False, True, True, True, True]
        for _ in range(2):
            own.release(target, running, 0.05, loop.time())
            await settle()
        assert [task.done() for task in calls] == [True] * 6
        assert calls[0].exception() is calls[1].exception() is None
        assert {type(task.exception()) for task in calls[2:]} == {failures.Failure}


def test_a_saturated_function_keeps_its_goodput_under_overload():
    """Ten times what it can serve comes: it serves as much as ever, the rest is refused at once."""
    loop = virtualtime.VirtualLoop()
    service_seconds, pods, load = 0.010, 4, 4

    async def overload() -> tuple[int, int, int]:
        target = a_target("saturated")
        target.slots.show([(f"127.0.0.{number + 2}", 1) for number in range(pods)], loop.time())
        served = refused = 0
        callers: set[asyncio.Task[slots.Endpoint]] = set()
        running: list[tuple[float, slots.Endpoint]] = []
        async with a_capacity(max_starting=5) as (own, executor):
            for _ in range(1000):
                callers |= {
                    asyncio.create_task(own.acquire(target, loop.time())) for _ in range(load)
                }
                await settle()
                for _, answer in executor.asked:
                    if not answer.done():
                        answer.set_exception(failures.capacity_exceeded("the limit"))
                executor.asked.clear()
                await settle()
                for caller in [each for each in callers if each.done()]:
                    callers.discard(caller)
                    error = caller.exception()
                    if error is None:
                        running.append((loop.time() + service_seconds, caller.result()))
                    else:
                        assert isinstance(error, failures.Failure)
                        assert error.status == 429
                        refused += 1
                loop.now += 0.001
                for over in [each for each in running if each[0] <= loop.time()]:
                    running.remove(over)
                    own.release(target, over[1], service_seconds, loop.time())
                    served += 1
            left = len(callers)
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)
        return served, refused, left

    try:
        served, refused, left = loop.run_until_complete(overload())
    finally:
        loop.close()
    peak = pods / service_seconds * 1.0
    assert served >= 0.9 * peak
    assert refused > 8 * peak
    assert left < 100
