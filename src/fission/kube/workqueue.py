"""The work queue: which key to reconcile next.

``Core`` is pure and takes the time as an argument:

| A key is   | add            | get           | done                  | retry / add_after     |
|------------|----------------|---------------|-----------------------|-----------------------|
| absent     | → queued       |               |                       | → delayed             |
| queued     | stays          | → processing  |                       | stays                 |
| delayed    | → queued       | when due      |                       | the earlier time wins |
| processing | → dirty        |               | → absent              | → delayed, kept apart |
| dirty      | stays          |               | → queued              | stays                 |

So a key is never handled by two workers at once, no change is lost while it is being handled, and
any number of changes meanwhile cost one more run. Bound: one entry for each key. ``WorkQueue`` adds
waiting for the next key.
"""

from __future__ import annotations

import asyncio
import collections
import heapq
from typing import Generic, TypeVar

from fission.base import clock as clocks

K = TypeVar("K")

FIRST_DELAY_SECONDS = 0.005
"""client-go's first retry delay; a conflict is gone after one watch event."""
LARGEST_DELAY_SECONDS = 30.0
"""Far below client-go's 1000 s: whatever was in the way on one machine ends sooner."""


class Core(Generic[K]):
    """Keys and times; no clock, no waiting."""

    def __init__(
        self,
        first_delay_seconds: float = FIRST_DELAY_SECONDS,
        largest_delay_seconds: float = LARGEST_DELAY_SECONDS,
    ) -> None:
        self._first = first_delay_seconds
        self._largest = largest_delay_seconds
        self._queue: collections.deque[K] = collections.deque()
        self._queued: set[K] = set()
        self._processing: set[K] = set()
        self._dirty: set[K] = set()
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._counter = 0
        self._failures: dict[K, int] = {}

    def __len__(self) -> int:
        return len(self._queue)

    def add(self, key: K) -> None:
        """Have the key handled as soon as possible."""
        self._due.pop(key, None)
        if key in self._processing:
            self._dirty.add(key)
        elif key not in self._queued:
            self._queued.add(key)
            self._queue.append(key)

    def add_after(self, key: K, due: float) -> None:
        """Have the key handled at ``due`` unless something earlier is planned."""
        if key in self._queued or key in self._dirty:
            return
        planned = self._due.get(key)
        if planned is not None and planned <= due:
            return
        self._due[key] = due
        self._counter += 1
        heapq.heappush(self._heap, (due, self._counter, key))

    def retry(self, key: K, now: float) -> float:
        """Have a key that failed handled again, later each time; returns the delay."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        delay = min(self._first * 2.0 ** min(failures, 60), self._largest)
        self.add_after(key, now + delay)
        return delay

    def forget(self, key: K) -> None:
        """The key was handled well: its next failure starts with the first delay."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        return self._failures.get(key, 0)

    def get(self, now: float) -> K | None:
        """Take the next key into processing; None when nothing is due."""
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                self.add(key)
        if not self._queue:
            return None
        key = self._queue.popleft()
        self._queued.discard(key)
        self._processing.add(key)
        return key

    def done(self, key: K) -> None:
        """End the processing of a key; changes that came meanwhile queue it again."""
        self._processing.discard(key)
        if key in self._dirty:
            self._dirty.discard(key)
            self.add(key)

    def next_due(self) -> float | None:
        """When the next delayed key is due; None when there is none."""
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) == due:
                return due
            heapq.heappop(self._heap)
        return None


class WorkQueue(Generic[K]):
    """A ``Core`` that workers of one event loop can wait on."""

    def __init__(
        self,
        clock: clocks.Clock | None = None,
        *,
        first_delay_seconds: float = FIRST_DELAY_SECONDS,
        largest_delay_seconds: float = LARGEST_DELAY_SECONDS,
    ) -> None:
        self._clock = clock or clocks.SystemClock()
        self._core: Core[K] = Core(first_delay_seconds, largest_delay_seconds)
        self._waiters: collections.deque[asyncio.Future[None]] = collections.deque()

    def __len__(self) -> int:
        return len(self._core)

    def add(self, key: K) -> None:
        self._core.add(key)
        self._wake()

    def add_after(self, key: K, seconds: float) -> None:
        self._core.add_after(key, self._clock.monotonic() + seconds)
        self._wake()

    def retry(self, key: K) -> float:
        delay = self._core.retry(key, self._clock.monotonic())
        self._wake()
        return delay

    def forget(self, key: K) -> None:
        self._core.forget(key)

    def failures(self, key: K) -> int:
        return self._core.failures(key)

    def done(self, key: K) -> None:
        self._core.done(key)
        self._wake()

    async def get(self) -> K:
        """Wait for the next key and take it into processing; call ``done`` afterwards."""
        loop = asyncio.get_running_loop()
        while True:
            now = self._clock.monotonic()
            key = self._core.get(now)
            if key is not None:
                if len(self._core):
                    self._wake()
                return key
            due = self._core.next_due()
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiters.append(waiter)
            timer = None if due is None else loop.call_later(due - now, _finish, waiter)
            try:
                await waiter
            finally:
                if timer is not None:
                    timer.cancel()
                if waiter in self._waiters:
                    self._waiters.remove(waiter)

    def _wake(self) -> None:
        """Wake one waiter; it wakes the next when there is more."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
