"""The store as handlers see it: one coroutine per route.

Writes go to the writer's thread and return after their commit is on disk; reads have a connection
and a thread of their own and see all that was acknowledged. Whoever waits for news is woken by
the commit that brings it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from fission.base import clock as clocks
from fission.contracts import statestore as wire
from fission.statestore import (
    checks,
    database,
    errors,
    moments,
    pairs,
    queues,
    rules,
    streams,
    waiting,
    writer,
)

T = TypeVar("T")

URGENT_BYTES: Final = 16 << 10
"""A value up to this size may be written into the reserve of a full store."""
SWEEP_EACH: Final = 1000
"""Events of a stream between two looks for rows that are to go."""
EMPTY: Final = wire.Empty()


@dataclass(frozen=True)
class Totals:
    """What is in the store."""

    streams: int
    events: int
    keys: int
    queues: int
    messages: int
    dead: int


class File:
    """The open file: the lock, and a connection each to write and to read. Blocking calls."""

    def __init__(self, folder: Path, lock_seconds: float = database.LOCK_SECONDS) -> None:
        """Raises CannotOpen."""
        database.make_folder(folder)
        self._lock = database.Lock(folder, lock_seconds)
        path = folder / database.FILE_NAME
        try:
            self.writing = database.open_writer(path)
            self.reading = database.open_reader(path)
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        self.reading.close()
        self.writing.close()
        self._lock.release()


class Store:
    """Made inside the event loop that uses it."""

    def __init__(
        self,
        file: File,
        bounds: rules.Bounds,
        clock: clocks.Clock,
        *,
        max_waiting: int,
        on_broken: Callable[[errors.StoreBroken], None],
    ) -> None:
        self._file = file
        self._bounds = bounds
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._birth = database.birth(file.writing)
        self._writer = writer.Writer(file.writing, self._loop, clock, bounds, on_broken)
        self._reader = futures.ThreadPoolExecutor(1, "statestore-reader")
        self._is_sweeping = False
        self._is_closed = False
        self.waiting = waiting.Waiting(max_waiting)
        self.is_open = True
        self._writer.start()

    @property
    def counts(self) -> writer.Counts:
        """What the writer did."""
        return self._writer.counts

    async def close(self) -> None:
        """Let go who waits, commit what is under way, close the file."""
        self.let_go()
        self._is_closed = True
        await asyncio.to_thread(self._writer.close)
        await asyncio.to_thread(self._reader.shutdown)
        self._file.close()

    def let_go(self) -> None:
        """Answer who waits for news: the store is about to end."""
        self.is_open = False
        self.waiting.tell_all()

    # --- keys ---

    async def get(self, request: wire.GetRequest) -> wire.GetResponse:
        checks.key(request.scope, request.key)
        return await self._read(lambda db: pairs.get(db, request, self._now()))

    async def set(self, request: wire.SetRequest) -> wire.Empty:
        checks.set_(request)
        length = len(request.key) + len(request.value)
        size = writer.Size(length + rules.ROW_BYTES, length <= URGENT_BYTES)
        await self._writer.submit(lambda db, now: pairs.set_(db, request, now), size)
        return EMPTY

    async def delete(self, request: wire.DeleteRequest) -> wire.Empty:
        checks.key(request.scope, request.key)
        await self._writer.submit(lambda db, now: pairs.delete(db, request, now))
        return EMPTY

    async def keys(self, request: wire.ListRequest) -> wire.ListResponse:
        checks.keys(request)
        return await self._read(lambda db: pairs.list_(db, request, self._now()))

    # --- streams ---

    async def append(self, request: wire.AppendRequest) -> wire.HeadResponse:
        checks.append(request)
        length = sum(
            len(event.payload) + len(event.type) + len(event.key) + rules.ROW_BYTES
            for event in request.events
        )
        return await self._writer.submit(
            lambda db, now: streams.append(db, request, now, self._bounds),
            writer.Size(length),
            lambda appended: self._appended(request, appended),
        )

    async def read(self, request: wire.ReadRequest) -> wire.ReadResponse:
        checks.read(request)
        most = self._bounds.max_answer_bytes
        if request.wait_nanos == 0:
            return await self._read(lambda db: streams.read(db, request, most))
        give_up = self._give_up_at(request.wait_nanos)
        with self.waiting.place(_stream(request.stream)) as waiter:
            while True:
                waiter.forget()
                answer = await self._read(lambda db: streams.read(db, request, most))
                left = give_up - self._clock.monotonic()
                if answer.events or left <= 0 or not self.is_open:
                    return answer
                await waiter.wait(left)

    async def head(self, request: wire.StreamRequest) -> wire.HeadResponse:
        rules.check_name("stream", request.stream)
        return await self._read(lambda db: streams.head(db, request.stream))

    async def trim(self, request: wire.TrimRequest) -> wire.Empty:
        checks.trim(request)
        await self._writer.submit(
            lambda db, now: streams.trim(db, request.stream, request.below_seq)
        )
        self._sweep_streams()
        return EMPTY

    # --- queues ---

    async def enqueue(self, request: wire.EnqueueRequest) -> wire.EnqueueResponse:
        checks.enqueue(request)
        most = self._bounds.max_queue_messages
        number = await self._writer.submit(
            lambda db, now: queues.enqueue(db, request, now, most),
            writer.Size(len(request.body) + rules.ROW_BYTES),
            lambda _: self.waiting.tell(_queue(request.queue)),
        )
        return wire.EnqueueResponse(id=queues.message_id(number, self._birth))

    async def lease(self, request: wire.LeaseRequest) -> wire.LeaseResponse:
        checks.lease(request)
        if request.wait_nanos == 0:
            messages, _ = await self._lease(request)
            return wire.LeaseResponse(messages=messages)
        give_up = self._give_up_at(request.wait_nanos)
        with self.waiting.place(_queue(request.queue)) as waiter:
            while True:
                waiter.forget()
                messages, visible = await self._lease(request)
                left = give_up - self._clock.monotonic()
                if messages or left <= 0 or not self.is_open:
                    return wire.LeaseResponse(messages=messages)
                if visible is not None:
                    left = min(left, (visible - self._now()) / wire.NANOS)
                await waiter.wait(left)

    async def ack(self, request: wire.AckRequest) -> wire.Empty:
        await self._writer.submit(lambda db, now: queues.ack(db, request.receipt))
        return EMPTY

    async def nack(self, request: wire.NackRequest) -> wire.Empty:
        rules.check_nanos("retryAfterNanos", request.retry_after_nanos)
        most = self._bounds.max_attempts
        await self._writer.submit(
            lambda db, now: queues.nack(db, request, now, most),
            committed=lambda queue: self.waiting.tell(_queue(queue)),
        )
        return EMPTY

    async def kill(self, request: wire.KillRequest) -> wire.Empty:
        await self._writer.submit(lambda db, now: queues.kill(db, request, now))
        return EMPTY

    async def dead_letters(self, request: wire.DeadLettersRequest) -> wire.DeadLettersResponse:
        rules.check_name("queue", request.queue)
        messages = await self._writer.submit(
            lambda db, now: queues.dead_letters(db, request, now, self._bounds, self._birth)
        )
        return wire.DeadLettersResponse(messages=messages)

    async def redrive(self, request: wire.RedriveRequest) -> wire.RedriveResponse:
        checks.redrive(request)
        most = self._bounds.max_attempts
        moved = await self._writer.submit(
            lambda db, now: queues.redrive(db, request, now, most, self._birth),
            committed=lambda _: self.waiting.tell(_queue(request.queue)),
        )
        return wire.RedriveResponse(redriven=moved)

    async def purge(self, request: wire.QueueRequest) -> wire.PurgeResponse:
        rules.check_name("queue", request.queue)
        most = self._bounds.max_attempts
        removed = await self._writer.submit(lambda db, now: queues.purge(db, request, now, most))
        return wire.PurgeResponse(purged=removed)

    async def stats(self, request: wire.QueueRequest) -> wire.StatsResponse:
        rules.check_name("queue", request.queue)
        most = self._bounds.max_attempts
        return await self._read(lambda db: queues.stats(db, request, self._now(), most))

    # --- upkeep ---

    async def expire_streams(self, prefix: str, age_seconds: float) -> dict[str, int]:
        """Forget events of streams so named that are older; how many of which."""
        before = self._now() - round(age_seconds * wire.NANOS)
        forgotten = await self._writer.submit(lambda db, now: streams.expire(db, prefix, before))
        if forgotten:
            self._sweep_streams()
        return forgotten

    async def tidy(self) -> None:
        """Remove what ended, and give some of the room back to the volume."""
        while await self._writer.submit(pairs.sweep):
            pass
        self._sweep_streams()
        await self._writer.submit(lambda db, now: database.give_room_back(db))

    async def totals(self) -> Totals:
        """What is in the store now."""
        return await self._read(
            lambda db: Totals(*streams.counts(db), pairs.count(db), *queues.counts(db))
        )

    def _appended(self, request: wire.AppendRequest, appended: wire.HeadResponse) -> None:
        self.waiting.tell(_stream(request.stream))
        before = appended.head - len(request.events)
        if appended.first > 1 and appended.head // SWEEP_EACH != before // SWEEP_EACH:
            self._sweep_streams()  # a topic that nobody reads forgets without being told to

    def _sweep_streams(self) -> None:
        """Remove rows of trimmed events, a piece at a time between other writes."""
        if self._is_sweeping or not self.is_open:
            return
        self._is_sweeping = True
        self._sweep_on()

    def _sweep_on(self) -> None:
        try:
            piece = self._writer.submit(lambda db, now: streams.sweep(db))
        except errors.StateError:
            self._is_sweeping = False
            return
        piece.add_done_callback(self._swept)

    def _swept(self, piece: asyncio.Future[bool]) -> None:
        if not piece.cancelled() and piece.exception() is None and piece.result():
            self._sweep_on()
        else:
            self._is_sweeping = False

    # --- helpers ---

    async def _lease(
        self, request: wire.LeaseRequest
    ) -> tuple[list[wire.LeasedMessage], int | None]:
        """One attempt; what was leased for a caller that went away goes back at once."""
        leased = self._writer.submit(
            lambda db, now: queues.lease(db, request, now, self._bounds, self._birth),
            committed=lambda found: self._give_back(found[0]) if leased.cancelled() else None,
        )
        try:
            return await leased
        except asyncio.CancelledError:
            if leased.done() and not leased.cancelled() and leased.exception() is None:
                self._give_back(leased.result()[0])
            raise

    def _give_back(self, messages: list[wire.LeasedMessage]) -> None:
        receipts = [message.receipt for message in messages]
        if not receipts or not self.is_open:
            return  # what is not given back comes again when its lease ends
        try:
            returned = self._writer.submit(
                lambda db, now: queues.give_back(db, receipts, now),
                committed=self._tell_queues,
            )
        except errors.StateError:
            return
        returned.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _tell_queues(self, names: Iterable[str]) -> None:
        for name in names:
            self.waiting.tell(_queue(name))

    async def _read(self, run: Callable[[sqlite3.Connection], T]) -> T:
        if self._is_closed:
            raise errors.Closed("statestore is stopping; try again in a moment")
        db = self._file.reading
        return await self._loop.run_in_executor(self._reader, lambda: database.look(db, run))

    def _give_up_at(self, wait_nanos: int) -> float:
        seconds = min(wait_nanos / wire.NANOS, wire.MAX_WAIT_SECONDS)
        return self._clock.monotonic() + seconds

    def _now(self) -> int:
        return moments.nanos(self._clock.now())


def _stream(name: str) -> str:
    return f"stream {name}"


def _queue(name: str) -> str:
    return f"queue {name}"
