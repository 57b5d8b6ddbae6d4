"""Where calls wait for their turn: as many at once as ``scaling`` says, first come first served."""

from __future__ import annotations

import asyncio
import collections

from fission.base import clock as clocks
from fission.base import errors
from fission.mqtrigger import scaling


class Stopping(errors.Error):
    """Reading ends: the message is handed back, untouched."""

    reason = "Stopping"


class Gate:
    """Slots for calls of one trigger. Waiters are bounded by what the trigger holds."""

    def __init__(self, scale: scaling.Scale, clock: clocks.Clock) -> None:
        self.scale = scale
        self.throttle = scaling.Throttle()
        self.running = 0
        self._clock = clock
        self._waiters: collections.deque[asyncio.Future[None]] = collections.deque()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many wait for a slot."""
        return len(self._waiters)

    async def enter(self) -> None:
        """Take a slot, when there is one. Raises ``Stopping``."""
        if self._closed.is_set():
            raise Stopping("no call begins any more")
        if not self._waiters and self._may_begin():
            self.running += 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self.wake()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.leave()
            elif waiter in self._waiters:
                self._waiters.remove(waiter)
            raise

    def leave(self) -> None:
        """Give the slot back; the call says nothing about the function's limit."""
        self.running -= 1
        self.wake()

    def passed(self) -> None:
        """Give the slot back: the call got to the function."""
        self.throttle.passed(self.scale.current)
        self.leave()

    def refused(self, retry_after_seconds: float) -> None:
        """Give the slot back: the platform had no place for the call."""
        # Before anybody is let in: the slot may be gone for good.
        now = self._clock.monotonic()
        self.throttle.refused(self.running - 1, retry_after_seconds, now)
        self.leave()

    def wake(self) -> None:
        """Let in whoever may be: a slot is free, or there are more of them."""
        while self._waiters and self._may_begin():
            waiter = self._waiters.popleft()
            if not waiter.done():
                self.running += 1
                waiter.set_result(None)
        if self._waiters and self._timer is None:
            wait = self.throttle.hold_until - self._clock.monotonic()
            if wait > 0:
                loop = asyncio.get_running_loop()
                self._timer = loop.call_later(wait, self._hold_ended)

    async def pause(self, seconds: float) -> None:
        """Wait without a slot. Raises ``Stopping`` as soon as the gate closes."""
        try:
            async with asyncio.timeout(seconds):
                await self._closed.wait()
        except TimeoutError:
            return
        raise Stopping("no call begins any more")

    def close(self) -> None:
        """Begin no call any more; those that run go on."""
        self._closed.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(Stopping("no call begins any more"))

    def _may_begin(self) -> bool:
        now = self._clock.monotonic()
        return self.throttle.allows(self.running, self.scale.current, now)

    def _hold_ended(self) -> None:
        self._timer = None
        self.wake()
