"""Messages that are published to a broker through statestore: sent, kept while the broker is away,
and dead letters when it never takes them."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import pathlib
from collections.abc import AsyncIterator

import prometheus_client
import pytest

from fission.base import clock as clocks
from fission.base import tasks
from fission.contracts import egress as contract
from fission.contracts import statestore as wire
from fission.delivery import statestore, statestore_errors
from fission.mqtrigger import egress, metrics
from fission.mqtrigger.drivers import base, registry
from tests.conformance.message_queue import brokers, reading
from tests.support import statestores
from tests.support import waiting as waits


@dataclasses.dataclass
class World:
    """A statestore, and senders to one broker."""

    store: statestore.Statestore
    settings: base.Settings

    @property
    def queue(self) -> str:
        return contract.queue(self.settings.type)

    @contextlib.asynccontextmanager
    async def sender(self) -> AsyncIterator[None]:
        """One sender; leaving ends it in order."""
        deps = egress.Deps(
            self.store,
            registry.Registry(),
            metrics.Metrics(prometheus_client.CollectorRegistry()),
            clocks.SystemClock(),
            {self.settings.type: self.settings},
            again_seconds=(0.1, 0.1),
        )
        async with tasks.Tasks() as group:
            group.run(egress.Sender(self.settings.type, deps).run(), "sender")
            yield

    async def publish(self, topic: str, *bodies: str, key: str = "") -> None:
        for body in bodies:
            job = contract.Job(
                topic=topic,
                namespace="shop",
                content_type="text/plain",
                key=key,
                payload=body.encode(),
            )
            await self.store.enqueue(self.queue, wire.encode(job))

    async def state(self) -> contract.State | None:
        with contextlib.suppress(statestore_errors.NotFound):
            found = await self.store.get(contract.scope(), self.settings.type)
            return contract.decode_state(found.value)
        return None

    async def until_reason(self, reason: str) -> contract.State:
        async def told() -> bool:
            found = await self.state()
            return found is not None and found.reason == reason

        await waits.until_so(told, reading.DEADLINE_SECONDS)
        found = await self.state()
        assert found is not None
        return found

    async def until_empty(self, dead: int = 0) -> None:
        """Nothing waits to be sent at once, and so many never will."""

        async def empty() -> bool:
            stats = await self.store.stats(self.queue)
            return stats.visible + stats.leased == 0 and stats.dead == dead

        await waits.until_so(empty, reading.DEADLINE_SECONDS)


@contextlib.asynccontextmanager
async def world(folder: pathlib.Path, settings: base.Settings) -> AsyncIterator[World]:
    async with statestores.running(folder) as served:
        yield World(served.client(), settings)


async def test_what_is_published_is_sent_and_what_cannot_be_is_a_dead_letter(
    broker: brokers.Broker, tmp_path: pathlib.Path
) -> None:
    topic, absent = reading.new_name(), reading.new_name("absent")
    await broker.make_topic(topic)
    async with (
        world(tmp_path / "state", broker.settings()) as here,
        reading.connected(broker.settings()) as driver,
    ):
        subscription = await driver.subscribe(topic, "group")
        await here.publish(topic, "one", key="k")
        assert await here.store.lease(here.queue, 1, 0.3)  # by a sender that died
        await here.store.enqueue(here.queue, b"no job")
        await here.publish(absent, "nowhere")
        await here.publish(topic, "two", key="k")
        # Of several who would send, each message is sent by one.
        async with here.sender(), here.sender():
            found = await reading.take_all(subscription, "one", "two")
            assert sorted(reading.bodies(found)) == ["one", "two"]
            headers = {name.lower(): value for name, value in found[0].headers.items()}
            assert headers[contract.CONTENT_TYPE_HEADER] == "text/plain"
            assert headers[contract.NAMESPACE_HEADER] == "shop"
            # Streams of Redis are made by their first entry: there all topics are.
            await here.until_empty(dead=1 if broker.type == "redis" else 2)
            assert not (await here.until_reason("")).is_hopeless
        causes = [one.reason for one in await here.store.dead_letters(here.queue)]
        assert causes[0].startswith("not a message that can be sent")
        assert all(causes)


@pytest.mark.parametrize("broker", ["nats-jetstream"], indirect=True)
async def test_while_the_broker_is_away_nothing_is_lost_and_that_is_told(
    broker: brokers.Broker, tmp_path: pathlib.Path
) -> None:
    topic = reading.new_name()
    await broker.make_topic(topic)
    async with world(tmp_path / "state", broker.settings()) as here, here.sender():
        await here.until_reason("")
        async with reading.connected(broker.settings()) as driver:
            await driver.subscribe(topic, "group")  # what comes from now on is kept for it
        await asyncio.to_thread(broker.kill)
        try:
            await here.publish(topic, "one", "two")
            state = await here.until_reason("BrokerUnreachable")
            assert state.message
            assert not state.is_hopeless
        finally:
            await broker.restart()
        async with reading.connected(broker.settings()) as driver:
            await reading.take_all(await driver.subscribe(topic, "group"), "one", "two")
        await here.until_reason("")
        assert not await here.store.dead_letters(here.queue)


@pytest.mark.parametrize("broker", ["redis"], indirect=True)
async def test_wrong_credentials_are_told_and_another_setting_takes_the_state_away(
    broker: brokers.Broker, tmp_path: pathlib.Path
) -> None:
    wrong = broker.secure({"password": b"wrong"})
    async with world(tmp_path / "state", wrong) as here:
        async with here.sender():
            state = await here.until_reason("BrokerUnauthorized")
            assert state.is_hopeless
        await egress.forget_others(here.store, {})
        assert await here.state() is None
