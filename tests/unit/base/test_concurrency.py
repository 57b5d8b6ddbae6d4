"""Single flight, supervised tasks, expiring cache, retry delays."""

import asyncio
import itertools

import pytest

from fission.base import backoff, clock, singleflight, tasks, ttlcache


async def test_waiters_share_one_call() -> None:
    flight: singleflight.SingleFlight[str, int] = singleflight.SingleFlight()
    calls = 0
    gate = asyncio.Event()

    async def call() -> int:
        nonlocal calls
        calls += 1
        await gate.wait()
        return calls

    waiters = [asyncio.create_task(flight.do("k", call)) for _ in range(3)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*waiters) == [1, 1, 1]


async def test_a_cancelled_waiter_does_not_cancel_the_others() -> None:
    flight: singleflight.SingleFlight[str, int] = singleflight.SingleFlight()
    gate = asyncio.Event()

    async def call() -> int:
        await gate.wait()
        return 7

    first = asyncio.create_task(flight.do("k", call))
    second = asyncio.create_task(flight.do("k", call))
    await asyncio.sleep(0)
    first.cancel()
    gate.set()
    assert await second == 7
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_failure_reaches_every_waiter_and_is_forgotten() -> None:
    flight: singleflight.SingleFlight[str, int] = singleflight.SingleFlight()

    async def fail() -> int:
        raise ValueError("no")

    async def work() -> int:
        return 1

    outcomes = await asyncio.gather(
        flight.do("k", fail), flight.do("k", fail), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [ValueError, ValueError]
    assert await flight.do("k", work) == 1


async def test_a_failing_loop_ends_the_wait_and_the_others_are_cancelled() -> None:
    ended = asyncio.Event()

    async def lasts() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fails() -> None:
        raise RuntimeError("broken")

    async def owner() -> None:
        async with tasks.Tasks() as group:
            group.run(lasts(), "lasts")
            group.run(fails(), "fails")
            await group.wait()

    with pytest.raises(RuntimeError, match="broken"):
        await owner()
    assert ended.is_set()


def test_cache_entries_expire_and_the_oldest_goes_when_full() -> None:
    manual = clock.ManualClock()
    cache: ttlcache.TTLCache[str, int] = ttlcache.TTLCache(10, 2, manual)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (None, 2, 3)
    manual.advance(10)
    assert cache.get("b") is None


def test_delays_double_up_to_the_cap_with_bounded_jitter() -> None:
    plain = list(itertools.islice(backoff.delays(0.1, cap_seconds=0.5), 5))
    assert plain == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5])
    most = backoff.delays(1, cap_seconds=1, jitter=0.2, draw=lambda: 1.0)
    assert next(most) == pytest.approx(1.2)
