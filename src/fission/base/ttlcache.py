"""A bounded map whose entries expire; driven by a clock that is handed in."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from fission.base import clock as clocks

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TTLCache(Generic[K, V]):
    """Keep up to ``max_entries`` values for ``ttl_seconds`` each; the oldest goes when full."""

    def __init__(self, ttl_seconds: float, max_entries: int, clock: clocks.Clock) -> None:
        self._ttl_seconds = ttl_seconds
        self._max_entries = max_entries
        self._clock = clock
        self._entries: dict[K, tuple[float, V]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """Return the value, or None when it is absent or has expired."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        expires_at, value = entry
        if expires_at <= self._clock.monotonic():
            del self._entries[key]
            return None
        return value

    def put(self, key: K, value: V) -> None:
        """Store a value with a fresh lifetime."""
        self._entries.pop(key, None)
        while len(self._entries) >= self._max_entries:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (self._clock.monotonic() + self._ttl_seconds, value)

    def drop(self, key: K) -> None:
        """Forget a value; nothing happens when it is not there."""
        self._entries.pop(key, None)
