"""A reader that is killed with messages in hand: those of a key come again before what follows."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fission.mqtrigger.drivers import base
from tests.conformance.message_queue import brokers as real_brokers
from tests.conformance.message_queue import reading

CONSUMER = Path(__file__).with_name("consumer.py")


@contextlib.asynccontextmanager
async def _another_reader(
    settings: base.Settings, topic: str, count: int
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that reads so many messages of the topic and holds them, once it has joined."""
    wanted = {
        "type": settings.type,
        "metadata": dict(settings.metadata),
        "secret": {key: value.decode() for key, value in settings.secret.items()},
        "topic": topic,
        "group": "group",
        "count": count,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CONSUMER), json.dumps(wanted), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert await _line(process) == "ready"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _line(process: asyncio.subprocess.Process) -> object:
    assert process.stdout is not None
    async with asyncio.timeout(10):
        return json.loads(await process.stdout.readline())


@pytest.mark.parametrize("strict", [False, True], ids=["keys", "strict"])
async def test_what_a_killed_consumer_had_comes_before_its_successors(
    broker: real_brokers.Broker, strict: bool
) -> None:
    topic = reading.new_name()
    await broker.make_topic(topic)
    settings = dataclasses.replace(broker.settings(takeoverSeconds="1.5"), strict=strict)
    key = "" if strict else "one lane"
    async with (
        _another_reader(settings, topic, 2) as process,
        reading.connected(settings) as driver,
    ):
        for body in (b"one", b"two"):
            await driver.publish(topic, body, {}, key)
        assert await _line(process) == ["one", "two"]
        process.kill()
        await process.wait()
        await driver.publish(topic, b"three", {}, key)
        subscription = await driver.subscribe(topic, "group")
        await driver.publish(topic, b"four", {}, key)
        found = await reading.take_all(subscription, "one", "two", "three", "four")
        assert reading.bodies(found) == ["one", "two", "three", "four"]
        for message in found:
            await subscription.settle(message)
        assert await subscription.receive(1, 0.1) == []


async def test_what_is_held_for_long_does_not_come_twice_to_its_reader(
    broker: real_brokers.Broker,
) -> None:
    topic = reading.new_name()
    await broker.make_topic(topic)
    async with reading.connected(broker.settings(takeoverSeconds="1")) as driver:
        subscription = await driver.subscribe(topic, "group")
        await driver.publish(topic, b"slow", {}, "key")
        (held,) = await reading.take(subscription, 1)
        assert await subscription.receive(1, 1.5) == []
        await subscription.settle(held)
        assert await subscription.receive(1, 0.1) == []
