"""Who may load next: bounded, and fair between functions.

``Line`` is pure. At most ``limit`` starts hold a slot, one function at most half of them, so that a
function which comes alone finds one whatever another does. Functions take turns; the requests of
one are served in order. A slot is held until the function is loaded, but no longer than
``HOLD_SECONDS``: a start that is still not over then waits for something, and the next may go.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Final

HOLD_SECONDS: Final = 0.25
"""A start that only computes is over by then; longer ones must not hold up the others."""


class Line:
    """Tickets that hold a slot, and those that wait for one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._share = max(1, limit // 2)
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

    def request(self, ticket: int, function_uid: str) -> list[int]:
        """Stand in line; returns the tickets that go now, perhaps this one."""
        self._waiting.setdefault(function_uid, collections.deque()).append(ticket)
        return self._next()

    def leave(self, ticket: int) -> list[int]:
        """Give up the slot or the place, whichever it has; returns the tickets that go now."""
        function_uid = self._held.pop(ticket, None)
        if function_uid is not None:
            self._holds[function_uid] -= 1
            if not self._holds[function_uid]:
                del self._holds[function_uid]
            return self._next()
        for waiting_uid, tickets in self._waiting.items():
            if ticket in tickets:
                tickets.remove(ticket)
                if not tickets:
                    del self._waiting[waiting_uid]
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
        for function_uid, tickets in self._waiting.items():
            if self._holds[function_uid] >= self._share:
                continue
            ticket = tickets.popleft()
            self._held[ticket] = function_uid
            self._holds[function_uid] += 1
            self._waiting.move_to_end(function_uid)
            if not tickets:
                del self._waiting[function_uid]
            return ticket
        return None


class Turns:
    """Waiting for a turn; a limit of 0 makes nobody wait."""

    def __init__(self, limit: int, hold_seconds: float = HOLD_SECONDS) -> None:
        self._line = Line(limit) if limit > 0 else None
        self._hold_seconds = hold_seconds
        self._tickets = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[None]] = {}

    @contextlib.asynccontextmanager
    async def turn(self, function_uid: str) -> AsyncIterator[None]:
        """Run the block when it is the function's turn."""
        if self._line is None:
            yield
            return
        ticket = next(self._tickets)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting[ticket] = future
        self._go(self._line.request(ticket, function_uid))
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
