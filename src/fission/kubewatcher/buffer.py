"""What was read and not yet handed over; bounded, so that reading pauses while a function is slow.

One reader puts, one taker takes. The bound is on objects and on bytes, whichever is met first; one
item larger than all the bytes is let in alone.
"""

from __future__ import annotations

import asyncio
import collections
from typing import Final

from fission.kubewatcher import plan

MAX_ITEMS: Final = 64
MAX_BYTES: Final = 4 * 1024 * 1024


class Buffer:
    """Items in the order in which they were read."""

    def __init__(self, max_items: int = MAX_ITEMS, max_bytes: int = MAX_BYTES) -> None:
        self._items: collections.deque[plan.Item] = collections.deque()
        self._bytes = 0
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._changed = asyncio.Condition()

    def __len__(self) -> int:
        """Events that wait; positions among them are not counted."""
        return sum(isinstance(item, plan.Event | plan.Listed) for item in self._items)

    async def put(self, item: plan.Item) -> None:
        """Add at the end, as soon as there is room."""
        size = _size(item)
        async with self._changed:
            await self._changed.wait_for(lambda: self._has_room(size))
            self._items.append(item)
            self._bytes += size
            self._changed.notify_all()

    async def take(self) -> plan.Item:
        """The first item, when there is one. It stays in until ``done``."""
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._items))
            return self._items[0]

    async def done(self) -> None:
        """The first item was dealt with."""
        async with self._changed:
            self._bytes -= _size(self._items.popleft())
            self._changed.notify_all()

    async def drained(self) -> None:
        """Wait until everything was dealt with."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._items)

    def _has_room(self, size: int) -> bool:
        if not self._items:
            return True
        return len(self._items) < self._max_items and self._bytes + size <= self._max_bytes


def _size(item: plan.Item) -> int:
    if isinstance(item, plan.Event):
        return len(item.body)
    return len(item.event.body) if isinstance(item, plan.Listed) else 0
