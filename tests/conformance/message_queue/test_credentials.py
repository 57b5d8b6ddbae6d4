"""Credentials and TLS from a Secret, and what is said when they are wrong."""

from __future__ import annotations

import pytest

from fission.mqtrigger.drivers import base
from tests.conformance.message_queue import brokers, reading
from tests.support import certificates


async def test_tls_and_credentials(broker: brokers.Broker) -> None:
    topic = reading.new_name("allowed")
    await broker.make_topic(topic)
    client = broker.authority.client("a-trigger")
    secret = {"cert": client.certificate, "key": client.key}
    async with reading.connected(broker.secure(secret)) as driver:
        subscription = await driver.subscribe(topic, "group")
        await reading.publish(driver, topic, "one")
        await subscription.settle((await reading.take(subscription, 1))[0])


async def test_a_wrong_password(broker: brokers.Broker) -> None:
    with pytest.raises(base.Unauthorized):
        async with reading.connected(broker.secure({"password": b"another"})):
            pass


async def test_a_certificate_that_nobody_trusts(broker: brokers.Broker) -> None:
    stranger = certificates.Authority("somebody else")
    with pytest.raises(base.Unauthorized, match="certificate is not trusted"):
        async with reading.connected(broker.secure({"ca": stranger.certificate})):
            pass


@pytest.mark.parametrize("mechanism", ["plaintext", "scram_sha256"])
@pytest.mark.parametrize("broker", ["kafka"], indirect=True)
async def test_kafka_knows_users_in_three_ways(broker: brokers.Broker, mechanism: str) -> None:
    topic = reading.new_name()
    await broker.make_topic(topic)
    async with reading.connected(broker.secure(sasl=mechanism)) as driver:
        await reading.publish(driver, topic, "one")


@pytest.mark.parametrize("broker", ["nats-jetstream"], indirect=True)
async def test_nats_knows_a_user_by_an_nkey(broker: brokers.Broker) -> None:
    topic = reading.new_name()
    await broker.make_topic(topic)
    secret = {"username": b"", "password": b"", "nkey": brokers.NKEY_SEED.encode()}
    async with reading.connected(broker.secure(secret)) as driver:
        await reading.publish(driver, topic, "one")
