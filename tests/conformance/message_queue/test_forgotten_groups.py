"""A trigger that is deleted: a broker that keeps something for each group keeps nothing for it."""

from __future__ import annotations

import pytest

from fission.mqtrigger.drivers import base
from tests.conformance.message_queue import brokers, reading


@pytest.mark.parametrize("broker", ["nats-jetstream", "redis"], indirect=True)
async def test_a_group_that_is_forgotten_begins_anew(broker: brokers.Broker) -> None:
    topic = reading.new_name()
    await broker.make_topic(topic)
    async with reading.connected(broker.settings()) as driver:
        assert isinstance(driver, base.Forgetful)
        for group in ("gone", "kept"):
            await (await driver.subscribe(topic, group)).close()
        await reading.publish(driver, topic, "while nobody read")
        await driver.forget(topic, "gone")
        await driver.forget(topic, "gone")
        await driver.forget(reading.new_name(), "gone")
        gone = await driver.subscribe(topic, "gone")
        kept = await driver.subscribe(topic, "kept")
        await reading.publish(driver, topic, "after")
        assert reading.bodies(await reading.take(gone, 1)) == ["after"]
        both = await reading.take(kept, 2)
        assert reading.bodies(both) == ["while nobody read", "after"]
