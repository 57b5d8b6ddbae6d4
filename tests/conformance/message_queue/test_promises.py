"""What every driver promises, and what the engine makes of it on each of them."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
import random
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from fission.api import messagequeuetrigger_types, reference_types
from fission.base import clock as clocks
from fission.delivery import calls, verdicts
from fission.mqtrigger import binding, consumer
from fission.mqtrigger.drivers import base
from fission.mqtrigger.drivers import statestore as statestore_driver
from fission_http import headers as header_lists
from tests.conformance.message_queue import brokers as real_brokers
from tests.conformance.message_queue import reading
from tests.support import statestores
from tests.support import waiting as waits

STATESTORE = "statestore"
KINDS = sorted({STATESTORE, *real_brokers.KINDS})
SHARED_BY_GROUPS = set(KINDS) - {"rabbitmq"}
"""A queue has one group: whoever reads it."""
COUNTING = set(KINDS) - {"kafka"}
"""Kafka does not count deliveries."""
RESUMES_IN_ORDER = set(KINDS) - {"nats-jetstream"}
"""JetStream may deliver what one reader handed back behind what the next has not seen yet."""


class Queue(Protocol):
    """A broker of which tests know no more than this."""

    type: str

    async def make_topic(self) -> str: ...

    def connected(self) -> contextlib.AbstractAsyncContextManager[base.Driver]: ...


@dataclass
class Broker:
    """One of the real ones."""

    broker: real_brokers.Broker

    @property
    def type(self) -> str:
        return self.broker.type

    async def make_topic(self) -> str:
        topic = reading.new_name()
        await self.broker.make_topic(topic)
        return topic

    def connected(self) -> contextlib.AbstractAsyncContextManager[base.Driver]:
        return reading.connected(self.broker.settings(takeoverSeconds="1"))


@dataclass
class Builtin:
    """The platform's own."""

    served: statestores.Served
    type: str = STATESTORE

    async def make_topic(self) -> str:
        return reading.new_name()

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[base.Driver]:
        made = statestore_driver.Connector(self.served.client(), clocks.SystemClock())
        settings = base.Settings(STATESTORE, "", {"takeoverSeconds": "1"}, {})
        driver = await made.connect(settings)
        try:
            yield driver
        finally:
            await driver.close()


@pytest.fixture(params=KINDS)
async def queue(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> AsyncIterator[Queue]:
    if request.param == STATESTORE:
        async with statestores.running(tmp_path) as served:
            yield Builtin(served)
        return
    reason = real_brokers.missing(request.param)
    if reason:
        pytest.skip(f"{request.param}: {reason}")
    running: real_brokers.Brokers = request.getfixturevalue("brokers")
    yield Broker(running.get(request.param))


async def test_a_message_comes_as_it_was_published(queue: Queue) -> None:
    topic = await queue.make_topic()
    async with queue.connected() as driver:
        subscription = await driver.subscribe(topic, "group")
        binary = bytes(range(256)) * 1000
        headers = {"Content-Type": "application/x-y", "X-Mine": "a b"}
        await driver.publish(topic, binary, headers, "key")
        await driver.publish(topic, b"", {}, "key")
        first, second = await reading.take(subscription, 2)
        assert (first.topic, first.body, first.attempt) == (topic, binary, 1)
        got = {name.lower(): value for name, value in first.headers.items()}
        assert (got["content-type"], got["x-mine"]) == ("application/x-y", "a b")
        assert second.body == b""
        assert first.position != second.position
        if queue.type != "kafka":
            assert first.key == "key"
        assert first.key == second.key
        for message in (first, second):
            await subscription.extend(message)
            await subscription.settle(message)


async def test_a_new_group_begins_behind_the_newest_message(queue: Queue) -> None:
    if queue.type not in SHARED_BY_GROUPS:
        pytest.skip("a queue begins with what is in it")
    topic = await queue.make_topic()
    async with queue.connected() as driver:
        await reading.publish(driver, topic, "old")
        subscription = await driver.subscribe(topic, "group")
        await reading.publish(driver, topic, "new")
        (message, *_) = await reading.take(subscription, 1)
        assert message.body == b"new"
        await subscription.settle(message)


async def test_groups_read_each_for_itself(queue: Queue) -> None:
    if queue.type not in SHARED_BY_GROUPS:
        pytest.skip("a queue is read by one group")
    topic = await queue.make_topic()
    async with queue.connected() as driver:
        one = await driver.subscribe(topic, "one")
        other = await driver.subscribe(topic, "other")
        await reading.publish(driver, topic, "a", "b")
        for subscription in (one, other):
            found = await reading.take_all(subscription, "a", "b")
            for message in found:
                await subscription.settle(message)


async def test_what_is_settled_does_not_come_again_and_the_rest_does(queue: Queue) -> None:
    topic = await queue.make_topic()
    names = [f"m{number}" for number in range(10)]
    async with queue.connected() as driver:
        subscription = await driver.subscribe(topic, "group")
        await reading.publish(driver, topic, *names)
        found = await reading.take_all(subscription, *names)
        positions = {message.body: message.position for message in found}
        await asyncio.gather(*(subscription.settle(message) for message in found[:5]))
        await subscription.close()
    async with queue.connected() as driver:
        subscription = await driver.subscribe(topic, "group")
        again = await reading.take_all(subscription, *names[5:])
        assert sorted(reading.bodies(again)) == names[5:]
        for message in again:
            assert message.position == positions[message.body]
            assert message.attempt > 1 or queue.type not in COUNTING
            await subscription.settle(message)


async def test_a_released_message_comes_again_counted(queue: Queue) -> None:
    topic = await queue.make_topic()
    async with queue.connected() as driver:
        subscription = await driver.subscribe(topic, "group")
        await reading.publish(driver, topic, "a")
        (message, *_) = await reading.take(subscription, 1)
        position = message.position
        await subscription.release(message)
        (again, *_) = await reading.take(subscription, 1)
        assert (again.body, again.position) == (b"a", position)
        assert again.attempt == 2 or queue.type not in COUNTING
        await subscription.settle(again)
        assert not await subscription.receive(1, 0.1)


async def test_a_key_comes_in_its_order(queue: Queue) -> None:
    topic = await queue.make_topic()
    async with queue.connected() as driver:
        subscription = await driver.subscribe(topic, "group")
        for number in range(30):
            for key in "ab":
                await driver.publish(topic, f"{key}{number}".encode(), {}, key)
        found = await reading.take(subscription, 60)
        for key in "ab":
            mine = [body for body in reading.bodies(found) if body.startswith(key)]
            assert mine == [f"{key}{number}" for number in range(30)]
        await asyncio.gather(*(subscription.settle(message) for message in found))


async def test_the_lag_is_what_is_not_settled(queue: Queue) -> None:
    topic = await queue.make_topic()
    async with queue.connected() as driver:
        subscription = await driver.subscribe(topic, "group")
        await reading.publish(driver, topic, "a", "b", "c")

        async def counts(number: int) -> bool:
            lag = await subscription.lag()
            return lag is None or lag == number

        await waits.until_so(lambda: counts(3))
        found = await reading.take(subscription, 3)
        await waits.until_so(lambda: counts(3))
        for message in found:
            await subscription.settle(message)
        await waits.until_so(lambda: counts(0))


async def test_an_empty_topic_is_waited_at_and_no_longer_than_asked(queue: Queue) -> None:
    topic = await queue.make_topic()
    async with queue.connected() as driver:
        subscription = await driver.subscribe(topic, "group")
        began = time.monotonic()
        assert await subscription.receive(10, 0.2) == []
        assert 0.15 < time.monotonic() - began < 2
        waiting = asyncio.ensure_future(subscription.receive(10, 10.0))
        await reading.publish(driver, topic, "a")
        published = time.monotonic()
        (message, *_) = await waiting
        assert time.monotonic() - published < 1
        await subscription.settle(message)


class Function:
    """Answers as told; remembers the order of what it accepted."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.accepted: list[str] = []
        self.called: list[calls.Call] = []

    async def send(self, call: calls.Call) -> verdicts.Answer:
        self.called.append(call)
        await asyncio.sleep(0)
        status = self.answer(call)
        if status == 200:
            self.accepted.append(call.body.decode())
        return verdicts.Answer(status, header_lists.Headers(), call.body.upper())


class Told:
    """A ``report.Report`` that counts."""

    def __init__(self) -> None:
        self.done = 0

    def delivered(self) -> None:
        self.done += 1

    def poisoned(self, position: str, attempts: int, cause: str) -> None:
        self.done += 1

    def dropped(self, position: str, attempts: int, cause: str) -> None:
        self.done += 1

    def attempt_failed(self, cause: str) -> None: ...

    def duplicated(self, position: str, cause: str) -> None: ...

    def waiting(self, reason: str, cause: str) -> None: ...

    def going_on(self) -> None: ...

    def lag(self, messages: int | None) -> None: ...

    def in_process(self, calls: int) -> None: ...


@contextlib.asynccontextmanager
async def consuming(
    driver: base.Driver, function: Function, topic: str, **spec: Any
) -> AsyncIterator[Told]:
    """The engine reads meanwhile."""
    made = messagequeuetrigger_types.MessageQueueTriggerSpec(
        function_ref=reference_types.FunctionReference(name="f"), topic=topic, **spec
    )
    bound = binding.Binding("default", "t", "uid", 1, made)
    subscription = await driver.subscribe(topic, bound.group)
    told = Told()
    options = consumer.Options(grace_seconds=1.0)
    reader = consumer.Consumer(
        bound, driver, subscription, function, told, clocks.SystemClock(), options
    )
    running = asyncio.ensure_future(reader.run())
    try:
        yield told
    finally:
        if running.done():
            running.result()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_answers_and_poison_end_in_their_topics(queue: Queue) -> None:
    topic, answers, errors = [await queue.make_topic() for _ in range(3)]
    function = Function(lambda call: 500 if call.body == b"poison" else 200)
    async with queue.connected() as driver:
        read_answers = await driver.subscribe(answers, "test")
        read_errors = await driver.subscribe(errors, "test")
        spec = {"response_topic": answers, "error_topic": errors}
        async with consuming(driver, function, topic, **spec) as told:
            headers: Mapping[str, str] = {"X-Tag": "blue", "Content-Type": "text/plain"}
            await driver.publish(topic, b"good", headers, "k")
            await driver.publish(topic, b"poison", headers, "k")
            await waits.until(lambda: told.done == 2, 10)
        (answer, *_) = await reading.take(read_answers, 1)
        (poison, *_) = await reading.take(read_errors, 1)
        await read_answers.settle(answer)
        await read_errors.settle(poison)
        assert (answer.body, poison.body) == (b"GOOD", b"poison")
        got = {name.lower(): value for name, value in poison.headers.items()}
        assert got["x-tag"] == "blue"
        assert got["messagesource"] == topic
        assert got["recyclecounter"] == "0"
        assert got["x-fission-mqtrigger-cause"].startswith("500 from function")


async def test_nothing_is_lost_and_keys_stay_in_order_when_much_goes_wrong(queue: Queue) -> None:
    """Functions that fail now and then, and a reader that is replaced twice on the way."""
    topic = await queue.make_topic()
    draw = random.Random(5)
    function = Function(lambda call: 503 if draw.random() < 0.05 else 200)
    wanted = {key: [f"{key}{number}" for number in range(20)] for key in "abcd"}
    async with queue.connected() as driver:
        first = await driver.subscribe(topic, "uid")
        await first.close()
        for number in range(20):
            for key in wanted:
                await driver.publish(topic, f"{key}{number}".encode(), {}, key)
    for part in (25, 50, 80):
        async with queue.connected() as driver:
            spec = {"max_retries": 10, "min_replica_count": 4}
            async with consuming(driver, function, topic, **spec):
                seen = function.accepted
                await waits.until(lambda: len(set(seen)) >= part, 20)  # noqa: B023
    for key, bodies in wanted.items():
        mine = [body for body in function.accepted if body.startswith(key)]
        found = list(dict.fromkeys(mine))
        assert (found if queue.type in RESUMES_IN_ORDER else sorted(found, key=_number)) == bodies


def _number(body: str) -> int:
    return int(body[1:])
