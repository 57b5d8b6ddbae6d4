"""One call for many waiters: callers with the same key share one running call and its outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlight(Generic[K, V]):
    """Coalesce concurrent calls by key.

    The call runs in a task of its own, so a waiter that is cancelled does not cancel the others;
    when the last waiter has gone the call is cancelled.
    """

    def __init__(self) -> None:
        self._flights: dict[K, tuple[asyncio.Task[V], int]] = {}

    async def do(self, key: K, call: Callable[[], Awaitable[V]]) -> V:
        """Return the outcome of the running call for ``key``, starting it when there is none."""
        task, waiters = self._flights.get(key, (None, 0))
        if task is None:
            task = asyncio.ensure_future(_as_coroutine(call))
            task.add_done_callback(lambda done: self._forget(key, done))
        self._flights[key] = (task, waiters + 1)
        try:
            return await asyncio.shield(task)
        finally:
            self._leave(key, task)

    def _leave(self, key: K, task: asyncio.Task[V]) -> None:
        current, waiters = self._flights.get(key, (None, 0))
        if current is not task:
            return
        if waiters <= 1 and not task.done():
            del self._flights[key]
            task.cancel()
        else:
            self._flights[key] = (task, waiters - 1)

    def _forget(self, key: K, task: asyncio.Task[V]) -> None:
        current, _ = self._flights.get(key, (None, 0))
        if current is task:
            del self._flights[key]
        if not task.cancelled():
            task.exception()  # fetched, so that a call nobody waits for any more is not reported


async def _as_coroutine(call: Callable[[], Awaitable[V]]) -> V:
    return await call()
