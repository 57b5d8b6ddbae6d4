"""Who waits for news of a stream or a queue.

A waiter is registered before it looks, so that what comes between the look and the wait is not
missed. One that is woken and finds nothing waits on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from fission.statestore import errors


class Waiter:
    """One caller's place."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def forget(self) -> None:
        """What is told from here on is news."""
        self._news.clear()

    def tell(self) -> None:
        self._news.set()

    async def wait(self, seconds: float) -> None:
        """Until there is news, at most so long."""
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._news.wait()
        except TimeoutError:
            pass


class Waiting:
    """All of them, by name."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiters: dict[str, set[Waiter]] = {}
        self.count = 0

    @contextmanager
    def place(self, name: str) -> Iterator[Waiter]:
        """Be told of news of ``name``; raises QuotaExceeded when too many wait already."""
        if self.count >= self._most:
            raise errors.QuotaExceeded(
                f"{self._most} calls are waiting for news (STATESTORE_MAX_WAITING): wait in fewer"
                " calls, or raise the bound"
            )
        waiter = Waiter()
        self._waiters.setdefault(name, set()).add(waiter)
        self.count += 1
        try:
            yield waiter
        finally:
            self.count -= 1
            here = self._waiters[name]
            here.discard(waiter)
            if not here:
                del self._waiters[name]

    def tell(self, name: str) -> None:
        """Wake who waits for ``name``."""
        for waiter in self._waiters.get(name, ()):
            waiter.tell()

    def tell_all(self) -> None:
        """Wake everybody: the store is ending."""
        for here in self._waiters.values():
            for waiter in here:
                waiter.tell()
