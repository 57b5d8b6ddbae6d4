"""Events on their way into topics of statestore: many with one call, each with its own outcome.

What is given while one append is under way goes with the next, in the order in which it came. A
lone event goes at once. An append is all or nothing; where one is refused because of what it
holds, its events are tried one by one, so that nobody is refused for what another gave.
"""

from __future__ import annotations

import asyncio
import collections
from dataclasses import dataclass, field
from typing import Final

from fission.contracts import statestore as wire
from fission.delivery import statestore, statestore_errors

MOST_EVENTS: Final = 128
MOST_BYTES: Final = 1 << 20
"""Of one append, unless a single event is larger; statestore takes 4 MiB of JSON."""

Given = tuple[wire.Event, asyncio.Future[None]]


@dataclass(slots=True)
class _Stream:
    waiting: collections.deque[Given] = field(default_factory=collections.deque)
    task: asyncio.Task[None] | None = None


class Appends:
    """Those of one driver."""

    def __init__(self, client: statestore.Statestore) -> None:
        self._client = client
        self._streams: dict[str, _Stream] = {}

    async def add(self, name: str, event: wire.Event) -> None:
        """Returns when the event is on disk. Raises errors of statestore."""
        loop = asyncio.get_running_loop()
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = _Stream()
            stream.task = loop.create_task(self._go(name, stream))
        done: asyncio.Future[None] = loop.create_future()
        stream.waiting.append((event, done))
        await done

    async def close(self) -> None:
        """Who waits yet is cancelled."""
        tasks = [stream.task for stream in self._streams.values() if stream.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # A task that had not begun has let nobody go.
        for stream in self._streams.values():
            for _, done in stream.waiting:
                done.cancel()
        self._streams.clear()

    async def _go(self, name: str, stream: _Stream) -> None:
        batch: list[Given] = []
        try:
            while batch := _take(stream.waiting):
                await self._append(name, batch)
        finally:
            del self._streams[name]
            for _, done in [*batch, *stream.waiting]:
                done.cancel()

    async def _append(self, name: str, batch: list[Given]) -> None:
        failure: Exception | None = None
        try:
            await self._client.append(name, [event for event, _ in batch], wire.ANY)
        except (statestore_errors.Rejected, statestore_errors.QuotaExceeded) as error:
            if len(batch) > 1:
                for one in batch:
                    await self._append(name, [one])
                return
            failure = error
        except Exception as error:  # whatever it is, those who wait have to hear of it
            failure = error
        for _, done in batch:
            if done.done():
                continue
            if failure is None:
                done.set_result(None)
            else:
                done.set_exception(failure)


def _take(waiting: collections.deque[Given]) -> list[Given]:
    """The next to go together; who gave up meanwhile is left out."""
    batch: list[Given] = []
    size = 0
    while waiting and len(batch) < MOST_EVENTS:
        event, done = waiting[0]
        size += _size(event)
        if batch and size > MOST_BYTES:
            break
        waiting.popleft()
        if not done.done():
            batch.append((event, done))
    return batch


def _size(event: wire.Event) -> int:
    headers = sum(len(name) + len(value) for name, value in event.headers.items())
    return len(event.payload) + len(event.key) + headers
