"""Fan-out of committed events to watchers. All on the event loop; nothing here waits for I/O.

A watcher is a bounded queue. One that falls behind is cut off (``Overrun``) and must list again:
never silently skipped, and never a brake for others.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

from fission.cluster.storage import errors, records

MAX_PENDING_EVENTS = 4096
MAX_PENDING_BYTES = 16 * 1024 * 1024


class Watcher:
    """The events of one resource (in one namespace, or all), in order of revision."""

    def __init__(
        self,
        broadcaster: Broadcaster,
        resource: str,
        namespace: str | None,
        revision: int,
        max_pending_events: int = MAX_PENDING_EVENTS,
    ) -> None:
        self._broadcaster = broadcaster
        self.resource = resource
        self.namespace = namespace
        self.revision = revision
        """Everything up to here was delivered, or concerns others."""
        self._pending: deque[records.Event] = deque()
        self._pending_bytes = 0
        self._max_pending_events = max_pending_events
        self._overrun = False
        self._holding = False
        self._wake = asyncio.Event()

    def offer(self, event: records.Event) -> None:
        """Take a live event; past the bound, give up for good."""
        if self._overrun or event.revision <= self.revision:
            return
        size = len(event.record.data)
        if (
            len(self._pending) >= self._max_pending_events
            or self._pending_bytes + size > MAX_PENDING_BYTES
        ):
            self._overrun = True
            self._pending.clear()
            self._broadcaster.remove(self)
        else:
            self._pending.append(event)
            self._pending_bytes += size
        if not self._holding:
            self._wake.set()

    def hold(self) -> None:
        """Collect live events without handing them out, while history is being read."""
        self._holding = True
        self._wake.clear()

    def release(self, history: Iterable[records.Event]) -> None:
        """Put history before what was collected, and go on."""
        self._pending.extendleft(reversed(list(history)))
        self._holding = False
        if self._pending or self._overrun:
            self._wake.set()

    async def take(self, timeout_seconds: float | None = None) -> list[records.Event]:
        """What has happened since; waits for something, at most so long; raises Overrun."""
        if not self._wake.is_set():
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self._wake.wait()
            except TimeoutError:
                return []
        if self._overrun:
            raise errors.Overrun("the watcher fell too far behind")
        taken = list(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        self._wake.clear()
        if taken:
            self.revision = taken[-1].revision
        return taken

    @property
    def idle(self) -> bool:
        """Nothing waits to be taken."""
        return not self._pending and not self._overrun

    def close(self) -> None:
        self._broadcaster.remove(self)


class Broadcaster:
    """The watchers, by resource."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[Watcher]] = {}

    def add(self, watcher: Watcher) -> None:
        self._watchers.setdefault(watcher.resource, set()).add(watcher)

    def remove(self, watcher: Watcher) -> None:
        group = self._watchers.get(watcher.resource)
        if group is not None:
            group.discard(watcher)
            if not group:
                del self._watchers[watcher.resource]

    def publish(self, event: records.Event) -> None:
        key = event.record.key
        for watcher in tuple(self._watchers.get(key.resource, ())):
            if watcher.namespace is None or watcher.namespace == key.namespace:
                watcher.offer(event)

    @property
    def count(self) -> int:
        return sum(len(group) for group in self._watchers.values())
