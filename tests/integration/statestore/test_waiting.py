"""Calls that wait for news: woken at once, let go at the end, nothing lost on the way."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

from fission.contracts import statestore as wire
from fission.statestore import config
from tests.integration.statestore import support
from tests.support import waiting

EVENT = wire.Event(payload=b"news")


async def test_a_read_is_woken_by_the_append(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        reading = [
            asyncio.create_task(served.client.read("s", 0, wait_seconds=20)) for _ in range(3)
        ]
        await waiting.until(lambda: served.app.store.waiting.count == 3)
        await served.client.append("other", [EVENT])
        started = time.monotonic()
        await served.client.append("s", [EVENT])
        answers = await asyncio.gather(*reading)
        assert time.monotonic() - started < 2
        assert [answer.events[0].payload for answer in answers] == [b"news"] * 3
        assert served.app.store.waiting.count == 0


async def test_a_read_that_has_something_does_not_wait(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        await served.client.append("s", [EVENT])
        answer = await asyncio.wait_for(served.client.read("s", 0, wait_seconds=20), 5)
        assert len(answer.events) == 1


async def test_a_wait_ends_empty_at_its_time(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        answer = await served.client.read("s", 0, wait_seconds=0.05)
        assert (answer.events, answer.head) == ([], 0)
        assert await served.client.lease("q", 1, 10, wait_seconds=0.05) == []


async def test_a_lease_is_woken_by_what_becomes_visible(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:

        async def leased() -> wire.LeasedMessage:
            (message,) = await served.client.lease("q", 1, 0.3, wait_seconds=20)
            return message

        first = asyncio.create_task(leased())
        await waiting.until(lambda: served.app.store.waiting.count == 1)
        await served.client.enqueue("q", b"later", delay_seconds=0.1)
        message = await asyncio.wait_for(first, 5)
        assert message.body == b"later"
        again = asyncio.create_task(leased())
        message = await asyncio.wait_for(again, 5)  # by the end of the first lease
        assert message.attempts == 2
        await served.client.kill(message.receipt, "no")
        third = asyncio.create_task(leased())
        await waiting.until(lambda: served.app.store.waiting.count == 1)
        (dead,) = await served.client.dead_letters("q")
        assert await served.client.redrive("q", [dead.id]) == 1
        assert (await asyncio.wait_for(third, 5)).id == message.id


async def test_each_message_goes_to_one_of_those_who_wait(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        leasing = [
            asyncio.create_task(served.client.lease("q", 1, 60, wait_seconds=20)) for _ in range(8)
        ]
        await waiting.until(lambda: served.app.store.waiting.count == 8)
        await asyncio.gather(*(served.client.enqueue("q", b"%d" % n) for n in range(8)))
        leased = await asyncio.wait_for(asyncio.gather(*leasing), 10)
        assert sorted(messages[0].body for messages in leased) == [b"%d" % n for n in range(8)]


async def test_a_caller_that_leaves_takes_no_message_along(tmp_path: Path) -> None:
    """Whenever it leaves: what it would have got goes to the next, as a first attempt."""
    async with support.statestore(tmp_path) as served:
        for number in range(20):
            await served.client.enqueue("q", b"m", dedup_key="m")
            lease = wire.LeaseRequest(queue="q", n=1, lease_for_nanos=60 * wire.NANOS)
            leaving = asyncio.create_task(served.app.store.lease(lease))
            for _ in range(number % 5):
                await asyncio.sleep(0)
            leaving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await leaving
                continue
            (message,) = await served.client.lease("q", 1, 60, wait_seconds=5)
            assert message.attempts == 1
            await served.client.ack(message.receipt)


async def test_a_connection_that_ends_frees_its_place(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        calls = [
            asyncio.create_task(served.client.lease("q", 1, 60, wait_seconds=20)),
            asyncio.create_task(served.client.read("s", 0, wait_seconds=20)),
        ]
        await waiting.until(lambda: served.app.store.waiting.count == 2)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await waiting.until(lambda: served.app.store.waiting.count == 0)
        await served.client.enqueue("q", b"m")
        assert (await served.client.stats("q")).visible == 1


async def test_who_waits_is_answered_when_it_ends(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        reading = asyncio.create_task(served.client.read("s", 0, wait_seconds=20))
        leasing = asyncio.create_task(served.client.lease("q", 1, 10, wait_seconds=20))
        await waiting.until(lambda: served.app.store.waiting.count == 2)
        started = time.monotonic()
        await served.stop()
        assert time.monotonic() - started < 4
        assert (await reading).events == []
        assert await leasing == []


async def test_no_more_may_wait_than_the_bound_says(tmp_path: Path) -> None:
    async with support.statestore(tmp_path, config.Config(max_waiting=1)) as served:
        reading = asyncio.create_task(served.client.read("s", 0, wait_seconds=20))
        await waiting.until(lambda: served.app.store.waiting.count == 1)
        body = {"queue": "q", "n": 1, "leaseForNanos": 1, "waitNanos": 1}
        status, answer = await served.post(wire.LEASE, body)
        assert (status, answer["code"]) == (429, "quota_exceeded")
        assert "STATESTORE_MAX_WAITING" in answer["message"]
        await served.client.append("s", [EVENT])
        await reading
