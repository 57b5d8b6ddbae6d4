"""A consumer of one queue, and messages as AMQP has them."""

import asyncio
import collections
import contextlib
import hashlib
import uuid
from collections.abc import Mapping
from typing import Any, Final, Protocol

import aio_pika
from aio_pika import abc
from aiormq import exceptions as amqp

from fission.mqtrigger.drivers import base, lanes

ANSWER_SECONDS: Final = 10.0
PROBE_SECONDS: Final = 15.0
CONTENT_TYPE: Final = "Content-Type"
DELIVERY_COUNT: Final = "x-delivery-count"


class Broker(Protocol):
    """Answers questions about a queue."""

    async def look(self, topic: str) -> tuple[int, int]: ...


class Queue:
    """A ``base.Subscription``."""

    def __init__(
        self, broker: Broker, channel: abc.AbstractChannel, topic: str, order: str
    ) -> None:
        self._broker = broker
        self._channel = channel
        self._topic = topic
        self._order = order
        self._arrived: collections.deque[abc.AbstractIncomingMessage] = collections.deque()
        self._released: list[base.Message] = []
        self._mine: set[base.Message] = set()
        self._stirred = asyncio.Event()
        self._closed = False

    async def start(self) -> None:
        queue = await self._channel.get_queue(self._topic, ensure=False)
        self._channel.close_callbacks.add(self._on_close)
        await queue.consume(self._on_message, timeout=ANSWER_SECONDS)

    async def receive(self, max_messages: int, wait_seconds: float) -> list[base.Message]:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + wait_seconds
        while not self._closed:
            self._stirred.clear()
            self._raise_if_broken()
            found = self._take(max_messages)
            left = give_up - loop.time()
            if found or left <= 0:
                return found
            await self._stir(min(left, PROBE_SECONDS))
        return []

    async def settle(self, message: base.Message) -> None:
        self._owned(message)
        self._mine.discard(message)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await message.handle.ack()
        except (amqp.AMQPError, OSError, RuntimeError, TimeoutError) as error:
            raise base.Lost(f"{message.position}: RabbitMQ: {error}") from error

    async def release(self, message: base.Message) -> None:
        self._owned(message)
        self._mine.discard(message)
        message.attempt += 1
        self._released.append(message)
        self._stirred.set()

    async def extend(self, message: base.Message) -> None:
        """It is ours as long as the channel is open."""
        self._owned(message)

    async def lag(self) -> int | None:
        waiting, _ = await self._broker.look(self._topic)
        return waiting + len(self._mine) + len(self._released) + len(self._arrived)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._stirred.set()
        with contextlib.suppress(amqp.AMQPError, OSError, TimeoutError, RuntimeError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._channel.close()
        self._mine.clear()
        self._released.clear()
        self._arrived.clear()

    async def _on_message(self, raw: abc.AbstractIncomingMessage) -> None:
        self._arrived.append(raw)
        self._stirred.set()

    def _on_close(self, *_args: Any) -> None:
        self._stirred.set()

    async def _stir(self, seconds: float) -> None:
        """Waits for something to happen. A queue that was deleted takes its consumers with it, and
        the library says nothing: so silence is looked into."""
        try:
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError:
            if seconds >= PROBE_SECONDS:
                _, consumers = await self._broker.look(self._topic)
                if not consumers:
                    raise base.Unreachable(
                        f"RabbitMQ: the queue {self._topic!r} was made anew"
                    ) from None

    def _raise_if_broken(self) -> None:
        if self._channel.is_closed and not self._closed:
            raise base.Unreachable("RabbitMQ: the connection broke")

    def _take(self, room: int) -> list[base.Message]:
        self._released.sort(key=lambda message: message.handle.delivery_tag)
        found, self._released = self._released[:room], self._released[room:]
        while self._arrived and len(found) < room:
            found.append(self._message(self._arrived.popleft()))
        self._mine.update(found)
        return found

    def _message(self, raw: abc.AbstractIncomingMessage) -> base.Message:
        headers, key, attempt = incoming(raw)
        return base.Message(
            topic=self._topic,
            body=raw.body,
            headers=headers,
            key=lanes.lane(self._order, key),
            position=raw.message_id or hashlib.sha256(raw.body).hexdigest()[:32],
            attempt=attempt,
            handle=raw,
        )

    def _owned(self, message: base.Message) -> None:
        if message not in self._mine:
            raise base.Lost(f"{message.position}: not in hand any more")
        if self._channel.is_closed:
            self._mine.discard(message)
            raise base.Lost(f"{message.position}: the connection broke, it comes again")


def outgoing(body: bytes, headers: Mapping[str, str], key: str) -> aio_pika.Message:
    """A persistent message with an identity of its own."""
    content_type = next((headers[name] for name in headers if _is_type(name)), None)
    kept: dict[str, Any] = {
        name: value
        for name, value in headers.items()
        if not _is_type(name) and name not in (lanes.KEY_HEADER, DELIVERY_COUNT)
    }
    if key:
        kept[lanes.KEY_HEADER] = key
    return aio_pika.Message(
        body,
        headers=kept,
        content_type=content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=uuid.uuid4().hex,
    )


def incoming(raw: abc.AbstractIncomingMessage) -> tuple[dict[str, str], str, int]:
    """Headers that are words or numbers, the key, and how often it was delivered: quorum queues
    count, of others it is only known whether it is the first time."""
    headers = {CONTENT_TYPE: raw.content_type} if raw.content_type else {}
    for name, value in raw.headers.items():
        if isinstance(value, bytes):
            headers[name] = value.decode(errors="replace")
        elif isinstance(value, str | int | float):
            headers[name] = str(value)
    before = headers.pop(DELIVERY_COUNT, "1" if raw.redelivered else "0")
    return headers, headers.pop(lanes.KEY_HEADER, ""), int(before) + 1


def _is_type(name: str) -> bool:
    return name.lower() == "content-type"
