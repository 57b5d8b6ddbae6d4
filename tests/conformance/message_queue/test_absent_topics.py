"""A topic that is not there, and what a broker makes of it."""

from __future__ import annotations

import pytest

from fission.mqtrigger.drivers import base
from tests.conformance.message_queue import brokers, reading

REMEDY = {
    "kafka": "kafka-topics.sh --create --topic {topic} ",
    "nats-jetstream": "nats stream add NAME --subjects '{topic}'",
    "rabbitmq": "rabbitmqadmin declare queue name={topic} ",
}


@pytest.mark.parametrize("broker", sorted(REMEDY), indirect=True)
async def test_a_topic_that_is_not_there(broker: brokers.Broker) -> None:
    topic = reading.new_name()
    remedy = REMEDY[broker.type].format(topic=topic)
    async with reading.connected(broker.settings()) as driver:
        with pytest.raises(base.TopicMissing, match=remedy):
            await driver.subscribe(topic, "group")
        with pytest.raises(base.TopicMissing, match=remedy):
            await driver.publish(topic, b"", {})
        await broker.make_topic(topic)
        subscription = await driver.subscribe(topic, "group")
        await reading.publish(driver, topic, "one")
        await subscription.settle((await reading.take(subscription, 1))[0])


@pytest.mark.parametrize("kind", ["quorum", "classic"])
@pytest.mark.parametrize("broker", ["rabbitmq"], indirect=True)
async def test_rabbitmq_declares_the_queue_that_metadata_asks_for(
    broker: brokers.Broker, kind: str
) -> None:
    topic = reading.new_name()
    async with reading.connected(broker.settings(queueType=kind)) as driver:
        await reading.publish(driver, topic, "one")
        subscription = await driver.subscribe(topic, "group")
        await subscription.settle((await reading.take(subscription, 1))[0])
    other = {"quorum": "classic", "classic": "quorum"}[kind]
    async with reading.connected(broker.settings(queueType=other)) as driver:
        with pytest.raises(base.Misconfigured, match="queueType"):
            await driver.subscribe(topic, "group")


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
async def test_redis_makes_a_stream_of_the_first_entry(broker: brokers.Broker) -> None:
    topic = reading.new_name()
    async with reading.connected(broker.settings()) as driver:
        subscription = await driver.subscribe(topic, "group")
        await reading.publish(driver, topic, "one")
        await subscription.settle((await reading.take(subscription, 1))[0])
        assert await subscription.lag() == 0
