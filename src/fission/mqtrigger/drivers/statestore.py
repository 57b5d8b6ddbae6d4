"""The platform's own topics: streams of statestore, a cursor per group.

A stream knows nothing of groups. What a group has settled is one small value beside the stream: all
events up to ``seq``, some after it, and how often the others were delivered. It is written when
something is settled, many settlements at once, and its version is the fence: a group has one member
that reads, whoever took over last, and a write of any other is refused, so what that one had is
``Lost`` to it. Of a reader that has something unsettled the value changes all the time; who wants
to take over waits until it has not for ten seconds. From one that has nothing it is taken at once:
an idle group costs nothing but a read that waits.

What every group has settled is trimmed. A group that nobody has read for a month loses its cursor,
and keeps no event from being trimmed.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
from collections.abc import Mapping
from typing import Any, Final

from fission.base import clock as clocks
from fission.contracts import statestore as wire
from fission.delivery import statestore, statestore_errors
from fission.mqtrigger.drivers import base, statestore_appends, statestore_cursor

logger = logging.getLogger(__name__)

OWNER_SECONDS: Final = 10.0
"""A reader whose cursor has not moved for so long, with messages unsettled, is taken for dead."""
READ_SECONDS: Final = 20.0
STAND_BY_SECONDS: Final = 1.0
"""How often a member that does not read looks whether it should."""
CURSOR_SECONDS: Final = 30 * 86400.0
TOUCH_SECONDS: Final = 86400.0
"""How often the cursor of a group that has nothing to do is written, so that it stays."""
TRIM_SECONDS: Final = 60.0
MAX_READ_BYTES: Final = 8 << 20
MAX_EVENT_BYTES: Final = 2_900_000
"""An append is 4 MiB of JSON at most, in which a body is a third longer."""
CONTENT_TYPE: Final = "content-type"


class Connector:
    """Makes drivers that share one client of statestore."""

    def __init__(self, client: statestore.Statestore, clock: clocks.Clock) -> None:
        self._client = client
        self._clock = clock

    async def connect(self, settings: base.Settings) -> base.Driver:
        """A ``registry.Connect``."""
        text = settings.metadata.get("takeoverSeconds", "")
        try:
            seconds = float(text) if text else OWNER_SECONDS
        except ValueError:
            raise base.Misconfigured(f"metadata.takeoverSeconds: {text!r} is no number") from None
        return Driver(self._client, settings.namespace or "default", self._clock, seconds)


class Driver:
    """Topics of one namespace."""

    def __init__(
        self,
        client: statestore.Statestore,
        namespace: str,
        clock: clocks.Clock,
        takeover_seconds: float = OWNER_SECONDS,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._clock = clock
        self._takeover_seconds = takeover_seconds
        self._appends = statestore_appends.Appends(client)
        self._subscriptions: list[Subscription] = []

    async def subscribe(self, topic: str, group: str) -> base.Subscription:
        made = Subscription(
            self._client, self._namespace, topic, group, self._clock, self._takeover_seconds
        )
        await made.open()
        self._subscriptions.append(made)
        return made

    async def publish(
        self, topic: str, body: bytes, headers: Mapping[str, str], key: str = ""
    ) -> None:
        stream = _stream(self._namespace, topic)
        if len(body) > MAX_EVENT_BYTES:
            raise base.Refused(
                f"{len(body)} bytes are too many for a topic of statestore, which takes"
                f" {MAX_EVENT_BYTES}"
            )
        kept = {name: value for name, value in headers.items() if name.lower() != CONTENT_TYPE}
        types = [value for name, value in headers.items() if name.lower() == CONTENT_TYPE]
        event = wire.Event(type=types[0] if types else "", payload=body, key=key, headers=kept)
        with _translated():
            await self._appends.add(stream, event)

    async def forget(self, topic: str, group: str) -> None:
        """Take the group off the topic's readers, for whom events are kept, and its cursor away."""
        with _translated():
            await self._client.delete(wire.readers_scope(self._namespace, topic), group)
            await self._client.delete(wire.cursor_scope(self._namespace, group), topic)

    async def close(self) -> None:
        while self._subscriptions:
            await self._subscriptions.pop().close()
        await self._appends.close()


class Subscription:
    """A member of a group."""

    def __init__(
        self,
        client: statestore.Statestore,
        namespace: str,
        topic: str,
        group: str,
        clock: clocks.Clock,
        takeover_seconds: float,
    ) -> None:
        self._client = client
        self._clock = clock
        self._takeover_seconds = takeover_seconds
        self._renew_seconds = takeover_seconds / 3
        self._topic = topic
        self._stream = _stream(namespace, topic)
        self._scope = wire.cursor_scope(namespace, group)
        self._groups = wire.readers_scope(namespace, topic)
        self._group = group
        self._progress: statestore_cursor.Progress | None = None
        self._version = 0
        self._unsure: bytes | None = None
        """What a write held of which nobody knows whether it happened."""
        self._seen: tuple[int, float] | None = None
        self._read_to = 0
        self._released: list[tuple[int, wire.Event]] = []
        self._held: dict[int, wire.Event] = {}
        self._trimmed_at = clock.monotonic()
        self._wrote_at = clock.monotonic()
        self._writer: asyncio.Task[None] | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._is_dirty = False
        self._pulse = asyncio.get_running_loop().create_task(self._live())
        self._closed = False

    async def open(self) -> None:
        """The group exists from now on, beginning at the head if it did not."""
        with _translated():
            try:
                await self._client.get(self._scope, self._topic)
            except statestore_errors.NotFound:
                head = (await self._client.head(self._stream)).head
                with contextlib.suppress(statestore_errors.VersionConflict):
                    await self._set(statestore_cursor.Cursor(seq=head, high=head), 0)
            await self._client.set(self._groups, self._group, b"", ttl_seconds=CURSOR_SECONDS)
            await self._take_over()

    async def receive(self, max_messages: int, wait_seconds: float) -> list[base.Message]:
        with _translated():
            if not await self._reads(wait_seconds):
                return []
            progress = self._current()
            taken: list[base.Message] = []
            while self._released and len(taken) < max_messages:
                _, event = heapq.heappop(self._released)
                taken.append(self._message(progress, event))
            if taken:
                return taken
            read = await self._client.read(
                self._stream,
                self._read_to,
                max_messages,
                wait_seconds=min(wait_seconds, READ_SECONDS),
                max_bytes=MAX_READ_BYTES,
            )
            if self._progress is not progress:
                return []
            if read.first > self._read_to + 1 and (lost := progress.skip(read.first)):
                logger.warning(
                    "events were no longer kept when their turn came",
                    extra={"stream": self._stream, "events": lost},
                )
            for event in read.events:
                self._read_to = max(self._read_to, event.seq)
                if not progress.is_settled(event.seq):
                    taken.append(self._message(progress, event))
            if taken:
                self._write_soon()
            await self._trim(read.first)
            return taken

    async def settle(self, message: base.Message) -> None:
        progress = self._of(message)
        progress.settle(message.handle[1])
        del self._held[message.handle[1]]
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._write_soon()
        with _translated():
            await waiter

    async def release(self, message: base.Message) -> None:
        progress = self._of(message)
        event = self._held.pop(message.handle[1])
        progress.release(event.seq)
        heapq.heappush(self._released, (event.seq, event))
        self._write_soon()

    async def extend(self, message: base.Message) -> None:
        self._of(message)

    async def lag(self) -> int | None:
        with _translated():
            head = (await self._client.head(self._stream)).head
            if self._progress is not None:
                return self._progress.lag(head)
            found = await self._client.get(self._scope, self._topic)
            return statestore_cursor.Progress(statestore_cursor.decode(found.value)).lag(head)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._pulse.cancel()
        await asyncio.gather(self._pulse, return_exceptions=True)
        if self._writer is not None:
            await asyncio.gather(self._writer, return_exceptions=True)
        progress, self._progress = self._progress, None
        if progress is None:
            return
        for seq in self._held:
            progress.release(seq)
        progress.hand_back()
        try:
            await self._be_sure()
            await self._set(progress.cursor(), self._version)
        except statestore_errors.StatestoreError as error:
            logger.debug("cursor was not handed back: %s", error)

    # --- who reads ---

    async def _reads(self, wait_seconds: float) -> bool:
        """Whether this member reads, after it waited for that."""
        until = self._clock.monotonic() + wait_seconds
        while self._progress is None and not await self._take_over():
            remaining = until - self._clock.monotonic()
            if remaining <= 0:
                return False
            await asyncio.sleep(min(STAND_BY_SECONDS, remaining))
        return True

    async def _take_over(self) -> bool:
        """Become the reader, unless the one there is has unsettled messages and lives."""
        if self._closed:
            raise base.Lost("the subscription was closed")
        found = await self._client.get(self._scope, self._topic)
        now, progress = (
            self._clock.monotonic(),
            statestore_cursor.Progress(statestore_cursor.decode(found.value)),
        )
        if self._seen is None or self._seen[0] != found.version:
            self._seen = found.version, now
        if progress.is_busy and now - self._seen[1] < self._takeover_seconds:
            return False
        progress.take_over()
        try:
            await self._set(progress.cursor(), found.version)
        except statestore_errors.VersionConflict:
            return False
        self._version = found.version + 1
        self._progress = progress
        self._read_to = progress.seq
        self._seen = None
        return True

    async def _live(self) -> None:
        """Move the cursor while something is unsettled, so that nobody takes over."""
        while True:
            await asyncio.sleep(self._renew_seconds)
            idle = self._clock.monotonic() - self._wrote_at
            least = self._renew_seconds if self._held else TOUCH_SECONDS
            if self._progress is not None and idle >= least:
                self._write_soon()

    def _lose(self) -> None:
        self._progress = None
        self._unsure = None
        self._held.clear()
        self._released.clear()

    def _current(self) -> statestore_cursor.Progress:
        if self._progress is None:
            raise base.Lost("another member of the group reads")
        return self._progress

    def _of(self, message: base.Message) -> statestore_cursor.Progress:
        progress = self._current()
        received_by: statestore_cursor.Progress = message.handle[0]
        seq: int = message.handle[1]
        if received_by is not progress or seq not in self._held:
            raise base.Lost(f"{message.position} is no longer ours")
        return progress

    def _message(self, progress: statestore_cursor.Progress, event: wire.Event) -> base.Message:
        self._held[event.seq] = event
        headers = dict(event.headers)
        if event.type:
            headers["Content-Type"] = event.type
        return base.Message(
            topic=self._topic,
            body=event.payload,
            headers=headers,
            key=event.key,
            position=str(event.seq),
            attempt=progress.receive(event.seq),
            handle=(progress, event.seq),
        )

    # --- the cursor ---

    def _write_soon(self) -> None:
        self._is_dirty = True
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        """Write until nothing is new; who waits hears of the write that holds what it did."""
        while self._is_dirty:
            self._is_dirty = False
            told, self._waiters = self._waiters, []
            failure: Exception | None = None
            try:
                await self._be_sure()
                cursor = self._current().cursor()
                self._unsure = statestore_cursor.encode(cursor)
                await self._set(cursor, self._version)
                self._unsure = None
                self._version += 1
                self._wrote_at = self._clock.monotonic()
            except statestore_errors.VersionConflict:
                self._lose()
                failure = base.Lost("another member of the group took over")
            except (statestore_errors.StatestoreError, base.Lost) as error:
                failure = error
            for waiter in told:
                if waiter.done():
                    continue
                if failure is None:
                    waiter.set_result(None)
                else:
                    waiter.set_exception(failure)

    async def _be_sure(self) -> None:
        """After a write whose answer was lost: it happened, or it did not, or somebody took over,
        for which VersionConflict is raised."""
        if self._unsure is None:
            return
        found = await self._client.get(self._scope, self._topic)
        if found.version == self._version + 1 and found.value == self._unsure:
            self._version += 1
        elif found.version != self._version:
            raise statestore_errors.VersionConflict("the cursor was written by somebody else")
        self._unsure = None

    async def _set(self, cursor: statestore_cursor.Cursor, version: int) -> None:
        await self._client.set(
            self._scope,
            self._topic,
            statestore_cursor.encode(cursor),
            if_version=version,
            ttl_seconds=CURSOR_SECONDS,
        )

    async def _trim(self, first: int) -> None:
        """Forget what every group has settled."""
        now = self._clock.monotonic()
        if now - self._trimmed_at < TRIM_SECONDS:
            return
        self._trimmed_at = now
        await self._client.set(self._groups, self._group, b"", ttl_seconds=CURSOR_SECONDS)
        slowest = self._current().seq
        token = ""
        while True:
            page = await self._client.keys(self._groups, token=token)
            for group in page.keys:
                scope = wire.cursor_scope(self._groups.namespace, group)
                with contextlib.suppress(statestore_errors.NotFound):
                    value = (await self._client.get(scope, self._topic)).value
                    slowest = min(slowest, statestore_cursor.decode(value).seq)
            token = page.next
            if not token:
                break
        if slowest >= first:
            await self._client.trim(self._stream, slowest + 1)


class _translated:
    """Errors of statestore as those of a driver."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        match error:
            case statestore_errors.Refused():
                raise base.Unauthorized(error.message) from error
            case statestore_errors.Rejected():
                raise base.Refused(error.message) from error
            case statestore_errors.StatestoreError():
                raise base.Unreachable(error.message) from error


def _stream(namespace: str, topic: str) -> str:
    try:
        return wire.topic_stream(namespace, topic)
    except ValueError as error:
        raise base.Misconfigured(str(error)) from error
