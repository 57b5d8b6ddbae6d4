"""Order: which of the received messages may be handled now. Pure.

Messages of one key form a lane. The first of a lane is offered; its successors wait until it is
finished, however it ends. Different lanes, and messages without a key, do not wait for each other.
Offers come in the order of arrival, so no lane starves another.

| A lane is | add     | take    | finish                            |
|-----------|---------|---------|-----------------------------------|
| absent    | → ready |         |                                   |
| ready     | waits   | → taken |                                   |
| taken     | waits   |         | waiting ones: → ready; else absent |
"""

from __future__ import annotations

import collections
from typing import Generic, TypeVar

T = TypeVar("T")


class Lanes(Generic[T]):
    """Received messages that are not finished, in lanes."""

    def __init__(self) -> None:
        self._ready: collections.deque[T] = collections.deque()
        self._waiting: dict[str, collections.deque[T]] = {}
        self._held = 0

    def __len__(self) -> int:
        """Everything that was added and is not finished."""
        return self._held

    @property
    def ready(self) -> int:
        """How many could be taken now."""
        return len(self._ready)

    def add(self, key: str, item: T) -> None:
        """A message arrived, after everything that was added before."""
        self._held += 1
        if not key:
            self._ready.append(item)
        elif key in self._waiting:
            self._waiting[key].append(item)
        else:
            self._waiting[key] = collections.deque()
            self._ready.append(item)

    def take(self) -> T | None:
        """The next to be handled; None when nothing may be."""
        return self._ready.popleft() if self._ready else None

    def finish(self, key: str) -> None:
        """One that was taken is done with; the next of its lane may follow."""
        self._held -= 1
        if not key:
            return
        successors = self._waiting[key]
        if successors:
            self._ready.append(successors.popleft())
        else:
            del self._waiting[key]
