"""What only Kafka has: partitions that move between readers, and one offset for each."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from fission.mqtrigger.drivers import base
from tests.conformance.message_queue import brokers, reading

pytestmark = pytest.mark.parametrize("broker", ["kafka"], indirect=True)


async def test_partitions_that_move_lose_nothing(broker: brokers.Kafka) -> None:
    topic = reading.new_name()
    await broker.make_topic(topic, partitions=4)
    names = [f"m{number}" for number in range(40)]
    async with contextlib.AsyncExitStack() as stack:
        settings = broker.settings(takeoverSeconds="2")
        drivers = [await stack.enter_async_context(reading.connected(settings)) for _ in "ab"]
        first = await drivers[0].subscribe(topic, "group")
        for name in names:
            await drivers[0].publish(topic, name.encode(), {}, key=name)
        held = await reading.take_all(first, *names)
        assert len(held) == len(names)
        second = await drivers[1].subscribe(topic, "group")
        moved = await reading.take(second, 1)
        kept, lost = [], []
        for message in held:
            try:
                await first.settle(message)
                kept.append(message)
            except base.Lost:
                lost.append(message)
        partitions = {message.key for message in lost}
        assert len(partitions) == 2
        assert partitions.isdisjoint(message.key for message in kept)
        missing = set(reading.bodies(lost)) - set(reading.bodies(moved))
        moved += await reading.take_all(second, *missing)
        assert {message.key for message in moved} == partitions
        for message in moved:
            await second.settle(message)
        await second.close()
        await reading.publish(drivers[0], topic, "after")
        after = await reading.take_all(first, "after")
        assert reading.bodies(after) == ["after"]


async def test_only_what_has_nothing_unfinished_before_it_is_committed(
    broker: brokers.Kafka,
) -> None:
    topic = reading.new_name()
    await broker.make_topic(topic)
    async with reading.connected(broker.settings()) as driver:
        subscription = await driver.subscribe(topic, "group")
        await reading.publish(driver, topic, "one", "two", "three")
        one, two, three = await reading.take(subscription, 3)
        await subscription.settle(one)
        await subscription.settle(three)
        assert await subscription.lag() == 2
        await subscription.close()
        again = await reading.take(await driver.subscribe(topic, "group"), 2)
        assert reading.bodies(again) == ["two", "three"]
        assert again[0].position == two.position


async def test_a_group_remembers_where_it_started(broker: brokers.Kafka) -> None:
    topic = reading.new_name()
    await broker.make_topic(topic, partitions=3)
    async with reading.connected(broker.settings()) as driver:
        await reading.publish(driver, topic, "old")
        await (await driver.subscribe(topic, "group")).close()
        await reading.publish(driver, topic, "while nobody read")
        found = await reading.take(await driver.subscribe(topic, "group"), 1)
        assert reading.bodies(found) == ["while nobody read"]


async def test_members_that_come_at_once_agree_on_the_start(broker: brokers.Kafka) -> None:
    topic = reading.new_name()
    await broker.make_topic(topic, partitions=4)
    async with contextlib.AsyncExitStack() as stack:
        settings = broker.settings(takeoverSeconds="2")
        drivers = [await stack.enter_async_context(reading.connected(settings)) for _ in "abc"]
        for number in range(8):
            await drivers[0].publish(topic, f"old{number}".encode(), {}, key=str(number))
        joined = await asyncio.gather(*(each.subscribe(topic, "group") for each in drivers))
        for number in range(8):
            await drivers[0].publish(topic, f"new{number}".encode(), {}, key=str(number))
        seen: set[str] = set()
        async with asyncio.timeout(20):
            while len(seen) < 8:
                found = await asyncio.gather(*(each.receive(10, 0.3) for each in joined))
                seen |= {message.body.decode() for some in found for message in some}
        assert seen == {f"new{number}" for number in range(8)}
