"""What was read and not yet handed over; bounded, so that reading pauses while a function is slow.

One reader puts, one taker takes. The bound is on objects and on bytes, whichever is met first; one
item larger than all the bytes is let in alone.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable
from typing import Final

from fission.kubewatcher import plan

MAX_ITEMS: Final = 64
MAX_BYTES: Final = 4 * 1024 * 1024


class Buffer:
    """Items in the order in which they were read."""

    def __init__(
        self,
        waiting: Callable[[int], None] = lambda count: None,
        max_items: int = MAX_ITEMS,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """``waiting`` is told how many events wait whenever that changes."""
        self._items: collections.deque[plan.Item] = collections.deque()
        self._waiting = waiting
        self._events = 0
        self._bytes = 0
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._changed = asyncio.Condition()

    async def put(self, item: plan.Item) -> None:
        """Add at the end, as soon as there is room."""
        size = _size(item)
        async with self._changed:
            if isinstance(item, plan.Passed) and self._ends_with_a_position():
                self._items[-1] = item
                return
            await self._changed.wait_for(lambda: self._has_room(size))
            self._items.append(item)
            self._bytes += size
            self._count(item, 1)
            self._changed.notify_all()

    async def take(self) -> plan.Item:
        """The first item, when there is one. It stays in until ``done``."""
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._items))
            return self._items[0]

    async def done(self) -> None:
        """The first item was dealt with."""
        async with self._changed:
            item = self._items.popleft()
            self._bytes -= _size(item)
            self._count(item, -1)
            self._changed.notify_all()

    async def drained(self) -> None:
        """Wait until everything was dealt with."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._items)

    def _ends_with_a_position(self) -> bool:
        """Whether the last item, not being dealt with yet, is one that a later one replaces."""
        return len(self._items) > 1 and isinstance(self._items[-1], plan.Passed)

    def _count(self, item: plan.Item, change: int) -> None:
        if isinstance(item, plan.Event | plan.Listed):
            self._events += change
            self._waiting(self._events)

    def _has_room(self, size: int) -> bool:
        if not self._items:
            return True
        return len(self._items) < self._max_items and self._bytes + size <= self._max_bytes


def _size(item: plan.Item) -> int:
    if isinstance(item, plan.Event):
        return len(item.body)
    return len(item.event.body) if isinstance(item, plan.Listed) else 0
