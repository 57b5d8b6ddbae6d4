"""Whose turn it is: so many at once, and fair between owners.

``Line`` is pure. At most ``limit`` tickets hold a slot, one owner's at most ``share`` of them, so
that an owner who comes alone finds one whatever another does. The next is of the owner who holds
the fewest; equals take turns, and the tickets of one are served in order. A slot is held until the
work is over, but no longer than some time: work that is still not over then waits for something,
and the next may go.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import itertools
from collections.abc import AsyncIterator


class Line:
    """Tickets that hold a slot, and those that wait for one."""

    def __init__(self, limit: int, share: int) -> None:
        self._limit = limit
        self._share = max(1, share)
        self._held: dict[int, str] = {}
        self._holds: collections.Counter[str] = collections.Counter()
        self._waiting: collections.OrderedDict[str, collections.deque[int]] = (
            collections.OrderedDict()
        )

    @property
    def held_count(self) -> int:
        return len(self._held)

    @property
    def waiting_count(self) -> int:
        return sum(len(tickets) for tickets in self._waiting.values())

    def request(self, ticket: int, owner: str) -> list[int]:
        """Stand in line; returns the tickets that go now, perhaps this one."""
        self._waiting.setdefault(owner, collections.deque()).append(ticket)
        return self._next()

    def leave(self, ticket: int) -> list[int]:
        """Give up the slot or the place, whichever it has; returns the tickets that go now."""
        owner = self._held.pop(ticket, None)
        if owner is not None:
            self._holds[owner] -= 1
            if not self._holds[owner]:
                del self._holds[owner]
            return self._next()
        for waiting_owner, tickets in self._waiting.items():
            if ticket in tickets:
                tickets.remove(ticket)
                if not tickets:
                    del self._waiting[waiting_owner]
                break
        return []

    def _next(self) -> list[int]:
        going = []
        while len(self._held) < self._limit:
            ticket = self._take()
            if ticket is None:
                break
            going.append(ticket)
        return going

    def _take(self) -> int | None:
        may = [owner for owner in self._waiting if self._holds[owner] < self._share]
        if not may:
            return None
        owner = min(may, key=self._holds.__getitem__)  # of equals, whose last turn is longest ago
        tickets = self._waiting[owner]
        ticket = tickets.popleft()
        self._held[ticket] = owner
        self._holds[owner] += 1
        self._waiting.move_to_end(owner)
        if not tickets:
            del self._waiting[owner]
        return ticket


class Turns:
    """Waiting for a turn; a limit of 0 makes nobody wait."""

    def __init__(self, limit: int, share: int, hold_seconds: float) -> None:
        self._line = Line(limit, share) if limit > 0 else None
        self._hold_seconds = hold_seconds
        self._tickets = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[None]] = {}

    @contextlib.asynccontextmanager
    async def turn(self, owner: str) -> AsyncIterator[None]:
        """Run the block when it is the owner's turn."""
        if self._line is None:
            yield
            return
        ticket = next(self._tickets)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting[ticket] = future
        self._go(self._line.request(ticket, owner))
        timer = None
        try:
            await future
            timer = loop.call_later(self._hold_seconds, self._leave, ticket)
            yield
        finally:
            self._waiting.pop(ticket, None)
            if timer is not None:
                timer.cancel()
            self._leave(ticket)

    def _leave(self, ticket: int) -> None:
        if self._line is not None:
            self._go(self._line.leave(ticket))

    def _go(self, tickets: list[int]) -> None:
        for ticket in tickets:
            future = self._waiting.get(ticket)
            if future is None or future.done():
                self._leave(ticket)
            else:
                future.set_result(None)
