"""Redis Streams: one consumer group per trigger, entries acknowledged one by one.

An entry of ours has the fields ``body``, ``key`` and one ``header:<Name>`` per header. Of an entry
without ``body`` all fields become one JSON object. What a dead consumer had is taken over once it
was idle for ``takeoverSeconds``; what is handed back is left with a consumer called ``returned``
and made to look idle, so that it is taken over at once. A new consumer keeps entries with an order
back until nobody else has any that were before them. How durable an accepted entry is, is the
server's ``appendfsync``.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast
from urllib import parse

import redis.asyncio as redis
from redis import exceptions
from redis.asyncio import retry
from redis.backoff import NoBackoff

from fission.base import ids
from fission.mqtrigger.drivers import base, lanes, options, redis_entries, redis_trips, tls

T = TypeVar("T")

ANSWER_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 0.05
CONNECTIONS: Final = 32
"""To one server; whoever comes when all are in use waits for one."""
TAKEOVER_SECONDS: Final = 30.0
RETURNED: Final = "returned"
LONG_AGO_MILLISECONDS: Final = 24 * 3600 * 1000
LATEST_TAKEOVER_SECONDS: Final = 2.0
"""After ``takeoverSeconds``: what a dead consumer had is ours by then."""
MOST_KEPT: Final = 64
EXAMPLE: Final = "redis.data.svc:6379"


async def connect(settings: base.Settings) -> "Redis":
    """Raises ``Unreachable``, ``Unauthorized``, ``Misconfigured``."""
    read = options.Options(settings)
    for key in ("listName", "listLength"):
        if read.text(key):
            raise base.Misconfigured(
                f"spec.metadata.{key}: lists are not read here, a list loses what a crashed reader "
                "had; use a stream (XADD)"
            )
    order = lanes.order(read)
    takeover = read.number("takeoverSeconds", 0.1, 3600, TAKEOVER_SECONDS)
    limit = int(read.number("maxLength", 1, 1e12, 0))
    client = _client(read, settings)
    made = Redis(client, read, order, takeover, limit, settings.strict)
    try:
        await made.ask(client.ping())
    except BaseException:
        await client.aclose()
        # A handshake that failed closes its socket in a later turn of the loop.
        await asyncio.sleep(CLOSE_SECONDS)
        raise
    return made


def _client(read: options.Options, settings: base.Settings) -> "redis.Redis":
    address = read.text("address") or _host_and_port(read) or settings.url
    if not address:
        address = read.required("address", "host", example=EXAMPLE)
    address = address if "://" in address else f"redis://{address}"
    url = parse.urlsplit(address)
    try:
        port = url.port or 6379
    except ValueError:
        port = 0
    if url.scheme not in ("redis", "rediss") or not url.hostname or not port:
        raise read.wrong("address", f"allowed are host:port and redis[s]://host:port, as {EXAMPLE}")
    secured: dict[str, Any] = {}
    if url.scheme == "rediss" or tls.wanted(read):
        secured = {"connection_class": _secured(tls.context(read))}
    pool = redis.BlockingConnectionPool(
        max_connections=CONNECTIONS,
        timeout=ANSWER_SECONDS,
        host=url.hostname,
        port=port,
        db=int(read.number("databaseIndex", 0, 1e6, 0)),
        username=read.text("username") or (url.username and parse.unquote(url.username)) or None,
        password=read.text("password") or (url.password and parse.unquote(url.password)) or None,
        socket_connect_timeout=ANSWER_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=retry.Retry(NoBackoff(), 0),
        protocol=2,
        **secured,
    )
    return redis.Redis.from_pool(pool)


def _host_and_port(read: options.Options) -> str:
    host = read.text("host")
    return f"{host}:{read.text('port', default='6379')}" if host else ""


def _secured(context: ssl.SSLContext) -> type[redis.Connection]:
    """A kind of connection with this context: the library's own wants keys in files."""

    class Secured(redis.Connection):
        def _connection_arguments(self) -> Mapping[str, Any]:
            return {**super()._connection_arguments(), "ssl": context}

    return Secured


class Redis:
    """A ``base.Driver``."""

    def __init__(
        self,
        client: "redis.Redis",
        read: options.Options,
        order: str,
        takeover_seconds: float,
        max_length: int,
        strict: bool = False,
    ) -> None:
        self.client = client
        self.strict = strict
        self.trips = redis_trips.Trips(client)
        self.order = order
        self.takeover_seconds = takeover_seconds
        self._read = read
        self._max_length = max_length
        self._subscriptions: list[Stream] = []

    async def subscribe(self, topic: str, group: str) -> "Stream":
        self._read.same(topic, "stream")
        made = Stream(self, topic, self._read.text("consumerGroup") or group)
        await made.join("$")
        self._subscriptions.append(made)
        return made

    async def publish(
        self, topic: str, body: bytes, headers: Mapping[str, str], key: str = ""
    ) -> None:
        fields = redis_entries.encode(body, headers, key)
        trimmed = ("MAXLEN", "~", self._max_length) if self._max_length else ()
        words = (word for field in fields.items() for word in field)
        await self.trips.add("XADD", topic, *trimmed, "*", *words)

    async def close(self) -> None:
        for each in self._subscriptions:
            await each.close()
        with contextlib.suppress(exceptions.RedisError, OSError):
            await self.client.aclose()

    async def forget(self, topic: str, group: str) -> None:
        """Takes the group off the stream, and what it had not settled with it."""
        with contextlib.suppress(base.TopicMissing), redis_trips.failures():
            if await self.client.exists(topic):
                await self.client.xgroup_destroy(topic, group)

    async def ask(self, answer: Awaitable[T]) -> T:
        """The answer of the server, errors in the engine's words."""
        with redis_trips.failures():
            return await answer


class Stream:
    """A ``base.Subscription``: one consumer of a group."""

    def __init__(self, driver: Redis, topic: str, group: str) -> None:
        self._driver = driver
        self._client = driver.client
        self._topic = topic
        self._group = group
        self._consumer = f"consumer-{ids.short_id(12)}"
        self._last = "0"
        self._next_takeover = 0.0
        self._mine: dict[str, base.Message] = {}
        self._released: dict[str, base.Message] = {}
        self._kept: list[base.Message] = []
        self.extend_seconds = driver.takeover_seconds / 3
        takeover = driver.takeover_seconds + LATEST_TAKEOVER_SECONDS
        self._keep_until = asyncio.get_running_loop().time() + takeover
        self._next_look = 0.0
        if driver.order == lanes.NONE:
            self._keep_until = 0.0
        self._reading: asyncio.Future[list[base.Message]] | None = None
        self._wake = asyncio.Event()
        self._closed = False

    async def join(self, start: str) -> None:
        """Makes the group, at ``start``, unless it is there."""
        try:
            await self._client.xgroup_create(self._topic, self._group, start, mkstream=True)
        except exceptions.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                with redis_trips.failures():
                    raise
        except (exceptions.RedisError, OSError):
            with redis_trips.failures():
                raise

    async def receive(self, max_messages: int, wait_seconds: float) -> list[base.Message]:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + wait_seconds
        while not self._closed:
            self._wake.clear()
            found = self._take_released(max_messages)
            if len(found) < max_messages:
                found += self._sift(await self._take_over(max_messages - len(found)))
            if len(found) < max_messages and self._keep_until:
                await self._let_go()
            if len(found) < max_messages and not self._keep_until:
                room = max_messages - len(found)
                found += self._kept[:room]
                del self._kept[:room]
            if len(found) < max_messages:
                left = min(give_up, self._next_takeover) - loop.time()
                pause = 0.0 if found else max(0.0, left)
                found += self._sift(await self._read_new(max_messages - len(found), pause))
            if found or loop.time() >= give_up:
                return found
        return []

    async def settle(self, message: base.Message) -> None:
        self._owned(message)
        done = await self._driver.trips.add("XACK", self._topic, self._group, message.position)
        self._mine.pop(message.position, None)
        if not done:
            raise base.Lost(f"{message.position}: somebody else took it over and finished it")

    async def release(self, message: base.Message) -> None:
        self._owned(message)
        del self._mine[message.position]
        message.attempt += 1
        self._released[message.position] = message
        self._wake.set()

    async def extend(self, message: base.Message) -> None:
        self._owned(message)
        position = message.position
        pending = await self._driver.ask(
            self._client.xpending_range(
                self._topic, self._group, position, position, 1, self._consumer
            )
        )
        if not pending:
            self._mine.pop(position, None)
            raise base.Lost(f"{position}: somebody else took it over")
        await self._driver.ask(self._claim(self._consumer, [position], 0))

    async def lag(self) -> int | None:
        groups: list[dict[str, Any]] = await self._driver.ask(
            self._client.xinfo_groups(self._topic)
        )
        for group in groups:
            if group["name"] == self._group.encode() and group.get("lag") is not None:
                return int(group["lag"]) + int(group["pending"])
        return None

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._wake.set()
        self._mine.clear()
        self._released.clear()
        self._kept.clear()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        with contextlib.suppress(base.DriverError):
            while left := await self._unfinished():
                await self._driver.ask(self._claim(RETURNED, left, LONG_AGO_MILLISECONDS))
            await self._driver.ask(
                self._client.xgroup_delconsumer(self._topic, self._group, self._consumer)
            )

    async def _unfinished(self) -> list[bytes]:
        """What the server knows to be ours; to delete a consumer would forget it."""
        kept = await self._driver.ask(
            self._client.xpending_range(self._topic, self._group, "-", "+", 1000, self._consumer)
        )
        return [cast("bytes", each["message_id"]) for each in kept]

    def _claim(self, consumer: str, positions: Sequence[str | bytes], idle: int) -> Awaitable[Any]:
        return self._client.xclaim(
            self._topic, self._group, consumer, 0, list(positions), idle=idle, justid=True
        )

    def _owned(self, message: base.Message) -> None:
        if self._mine.get(message.position) is not message:
            raise base.Lost(f"{message.position}: not in hand any more")

    def _take_released(self, room: int) -> list[base.Message]:
        chosen = sorted(self._released, key=_order_of)[:room]
        found = [self._released.pop(position) for position in chosen]
        self._mine.update({message.position: message for message in found})
        return found

    async def _take_over(self, room: int) -> list[base.Message]:
        """What its consumers have left alone for too long."""
        now = asyncio.get_running_loop().time()
        if now < self._next_takeover:
            return []
        takeover = self._driver.takeover_seconds
        idle = int(takeover * 1000)
        answer: Any = await self._group_call(
            lambda: self._client.xautoclaim(
                self._topic, self._group, self._consumer, idle, "0-0", room
            )
        )
        claimed = [(position, fields) for position, fields in answer[1] if fields is not None]
        if len(claimed) < room:
            self._next_takeover = now + min(max(takeover / 3, 0.05), 1.0)
        if not claimed:
            return []
        first, last = claimed[0][0], claimed[-1][0]
        pending = await self._driver.ask(
            self._client.xpending_range(
                self._topic, self._group, first, last, 10 * len(claimed), self._consumer
            )
        )
        attempts = {each["message_id"]: int(each["times_delivered"]) for each in pending}
        return [
            self._message(position, fields, attempts.get(position, 2))
            for position, fields in claimed
            if position.decode() not in self._released and position.decode() not in self._mine
        ]

    def _sift(self, new: list[base.Message]) -> list[base.Message]:
        """Of entries those that may be handed over; the others are kept back. Of a dead consumer's,
        too: those that it had been given last may be free first."""
        if not self._keep_until and not self._kept:
            return new
        strict, order = self._driver.strict, self._driver.order
        kept = [each for each in new if lanes.is_ordered(order, each.key, strict)]
        self._kept += kept
        return [each for each in new if each not in kept]

    async def _let_go(self) -> None:
        """No other consumer has anything, or only one that lives: with it no order can be kept."""
        now = asyncio.get_running_loop().time()
        if now < self._next_look:
            return
        answer: Any = await self._group_call(
            lambda: self._client.xpending(self._topic, self._group)
        )
        others = [each for each in answer["consumers"] if each["name"] != self._consumer.encode()]
        taken_over = now >= self._keep_until and now < self._next_takeover
        if not others or taken_over:
            self._keep_until = 0.0
            self._kept.sort(key=lambda message: _order_of(message.position))
        self._next_look = now + min(max(self._driver.takeover_seconds / 3, 0.05), 1.0)

    async def _read_new(self, room: int, pause_seconds: float) -> list[base.Message]:
        """Entries that nobody had. The read goes on in the background when the wait ends first:
        what the server sends to a reader that left would be nobody's until it is taken over."""
        if self._reading is None and len(self._kept) < MOST_KEPT:
            self._reading = asyncio.ensure_future(self._read(room, pause_seconds))
        if self._reading is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_seconds):
                    await self._wake.wait()
            return []
        if pause_seconds > 0:
            woken = asyncio.ensure_future(self._wake.wait())
            try:
                either: set[asyncio.Future[Any]] = {self._reading, woken}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                woken.cancel()
        if not self._reading.done():
            return []
        reading, self._reading = self._reading, None
        return reading.result()

    async def _read(self, room: int, pause_seconds: float) -> list[base.Message]:
        block = int(min(pause_seconds, ANSWER_SECONDS / 2) * 1000) or None
        answer: Any = await self._group_call(
            lambda: self._client.xreadgroup(
                self._group, self._consumer, {self._topic: ">"}, count=room, block=block
            )
        )
        found = []
        for position, fields in _records(answer):
            self._last = position.decode()
            found.append(self._message(position, fields, 1))
        return found

    async def _group_call(self, call: Any) -> Any:
        """A server that lost the group gets it again, behind what was last received."""
        try:
            return await self._driver.ask(call())
        except base.TopicMissing:
            await self.join(self._last)
            return await self._driver.ask(call())

    def _message(
        self, position: bytes, fields: Mapping[bytes, bytes], attempt: int
    ) -> base.Message:
        body, headers, key = redis_entries.decode(fields)
        message = base.Message(
            topic=self._topic,
            body=body,
            headers=headers,
            key=lanes.lane(self._driver.order, key),
            position=position.decode(),
            attempt=attempt,
        )
        self._mine[message.position] = message
        return message


def _order_of(position: str) -> tuple[int, int]:
    milliseconds, _, number = position.partition("-")
    return int(milliseconds), int(number)


def _records(answer: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Of the one stream that was asked for; releases of the library shape the answer variously."""
    if not answer:
        return []
    records = next(iter(answer.values())) if isinstance(answer, dict) else answer[0][1]
    return records[0] if records and isinstance(records[0], list) else records
