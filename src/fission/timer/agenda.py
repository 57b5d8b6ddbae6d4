"""Which trigger is next: one heap for all of them. Pure.

Triggers that are due at the same instant form a group. A group is taken up ahead of its instant, by
as much as it takes to claim all of it; groups are few however many triggers there are, since ticks
fall on whole seconds.
"""

from __future__ import annotations

import datetime
import heapq
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

Lead = Callable[[int], float]
"""How many seconds ahead a group of that many is taken up."""


class Agenda(Generic[K]):
    """Keys by the instant that they are due at; a key is there once."""

    def __init__(self, lead: Lead) -> None:
        self._lead = lead
        self._instants: dict[K, datetime.datetime] = {}
        self._groups: dict[datetime.datetime, dict[K, None]] = {}
        self._heap: list[tuple[datetime.datetime, datetime.datetime]] = []
        self._wakes: dict[datetime.datetime, datetime.datetime] = {}

    def __len__(self) -> int:
        return len(self._instants)

    def put(self, key: K, instant: datetime.datetime) -> None:
        """The key is due then, and not when it was before."""
        if self._instants.get(key) == instant:
            return
        self.drop(key)
        self._instants[key] = instant
        group = self._groups.setdefault(instant, {})
        group[key] = None
        wake = instant - datetime.timedelta(seconds=self._lead(len(group)))
        known = self._wakes.get(instant)
        if known is None or wake < known:
            self._wakes[instant] = wake
            heapq.heappush(self._heap, (wake, instant))

    def drop(self, key: K) -> None:
        """The key is not due any more."""
        instant = self._instants.pop(key, None)
        if instant is None:
            return
        group = self._groups[instant]
        del group[key]
        if not group:
            del self._groups[instant]
            del self._wakes[instant]

    def next_wake(self) -> datetime.datetime | None:
        """When ``take`` will have something; None while nothing is due ever."""
        while self._heap and self._wakes.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # of a group that went, or that is woken for earlier
        return self._heap[0][0] if self._heap else None

    def take(self, now: datetime.datetime) -> list[tuple[K, datetime.datetime]]:
        """Take out what is to be taken up by now, with the instants."""
        taken = []
        while (wake := self.next_wake()) is not None and wake <= now:
            _, instant = heapq.heappop(self._heap)
            keys = list(self._groups[instant])
            for key in keys:
                self.drop(key)
            taken += [(key, instant) for key in keys]
        return taken
