"""A broker that crashes, a consumer that is killed: nothing that was accepted is lost."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from fission.mqtrigger.drivers import base
from tests.conformance.message_queue import brokers as real_brokers
from tests.conformance.message_queue import reading

CONSUMER = Path(__file__).with_name("consumer.py")


async def test_brokers_that_crash_and_come_back(brokers: real_brokers.Brokers) -> None:
    """All at once: it is mostly waiting, for programs that start and for deadlines."""
    chosen = [name for name in sorted(real_brokers.KINDS) if not real_brokers.missing(name)]
    if not chosen:
        pytest.skip("no broker is installed")
    brokers.launch(chosen)
    ends = await asyncio.gather(
        *(_crash(brokers.get(name)) for name in chosen), return_exceptions=True
    )
    failed = {name: end for name, end in zip(chosen, ends, strict=True) if end is not None}
    assert not failed, failed


async def _crash(broker: real_brokers.Broker) -> None:
    topic = reading.new_name()
    await broker.make_topic(topic)
    quick = broker.settings(takeoverSeconds="1")
    async with reading.connected(quick) as driver:
        subscription = await driver.subscribe(topic, "group")
        await reading.publish(driver, topic, "settled", "held", "waiting")
        first, _held = (await reading.take(subscription, 2))[:2]
        await subscription.settle(first)
        waiting = asyncio.ensure_future(_until_an_error(subscription))
        await asyncio.to_thread(broker.kill)
        refused = asyncio.ensure_future(driver.publish(topic, b"refused", {}))
        try:
            async with asyncio.timeout(25):
                ends = await asyncio.gather(waiting, refused, return_exceptions=True)
        finally:
            await broker.restart()
        assert [type(end) for end in ends] == [base.Unreachable, base.Unreachable]
    async with reading.connected(quick) as driver:
        subscription = await driver.subscribe(topic, "group")
        await reading.publish(driver, topic, "after")
        found = await reading.take_all(subscription, "held", "waiting", "after")
        for message in found:
            await subscription.settle(message)


async def _until_an_error(subscription: base.Subscription) -> None:
    while True:
        await subscription.receive(1, 10.0)


async def test_a_consumer_that_is_killed(broker: real_brokers.Broker) -> None:
    topic = reading.new_name()
    await broker.make_topic(topic)
    settings = broker.settings(takeoverSeconds="1")
    wanted = {
        "type": settings.type,
        "metadata": dict(settings.metadata),
        "secret": {key: value.decode() for key, value in settings.secret.items()},
        "topic": topic,
        "group": "group",
        "count": 3,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CONSUMER), json.dumps(wanted), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert json.loads(await process.stdout.readline()) == "ready"
        async with reading.connected(settings) as driver:
            await reading.publish(driver, topic, "one", "two", "three")
            async with asyncio.timeout(10):
                assert sorted(json.loads(await process.stdout.readline())) == [
                    "one",
                    "three",
                    "two",
                ]
            process.kill()
            await process.wait()
            killed = time.monotonic()
            subscription = await driver.subscribe(topic, "group")
            found = await reading.take_all(subscription, "one", "two", "three")
            assert len(found) == 3
            assert time.monotonic() - killed < 10
            if broker.type != "kafka":
                assert all(message.attempt > 1 for message in found)
            for message in found:
                await subscription.settle(message)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_what_a_closed_subscription_held_comes_at_once(broker: real_brokers.Broker) -> None:
    topic = reading.new_name()
    await broker.make_topic(topic)
    async with reading.connected(broker.settings(takeoverSeconds="600")) as driver:
        first = await driver.subscribe(topic, "group")
        await reading.publish(driver, topic, "one", "two")
        held = await reading.take(first, 1)
        await first.close()
        with pytest.raises(base.Lost):
            await first.settle(held[0])
        second = await driver.subscribe(topic, "group")
        found = await reading.take_all(second, "one", "two")
        for message in found:
            await second.settle(message)


async def test_a_broker_that_is_not_there(broker: real_brokers.Broker) -> None:
    settings = broker.settings()
    port = str(real_brokers.free_ports(1)[0])
    mine = str(broker.ports()[0])
    away = base.Settings(
        settings.type,
        "",
        {key: value.replace(mine, port) for key, value in settings.metadata.items()},
        {
            key: value.replace(mine.encode(), port.encode())
            for key, value in settings.secret.items()
        },
    )
    started = time.monotonic()
    with pytest.raises(base.Unreachable, match=r"Connect call failed|connecting"):
        async with reading.connected(away):
            pass
    assert time.monotonic() - started < 5
