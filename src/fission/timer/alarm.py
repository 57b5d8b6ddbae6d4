"""Waiting for an instant of the wall clock: woken by the kernel, at the instant, and never to poll.

A ``timerfd`` is armed with the absolute time. The kernel says as well when somebody sets the clock,
and counts the time that a machine was asleep, which a timer of the event loop does not.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import datetime
import os
from typing import Final, Protocol

from fission.base import clock as clocks

_CLOCK_REALTIME: Final = 0
_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
_ABSOLUTE_AND_CANCELLED_BY_SET: Final = 1 | 2
_NEVER_SECONDS: Final = 1 << 34
"""Some five hundred years: nothing is due, but a clock that is set is still told."""
_SHORTEST_SECONDS: Final = 0.0005
_LONGEST_SECONDS: Final = 5.0
"""A clock that is set while a claimed tick waits for its instant is noticed after this."""


class Alarm(Protocol):
    """Lets one waiter sleep until an instant, and any number reach one that is near."""

    async def wait(self, until: datetime.datetime | None) -> None:
        """Return at the instant; before it when woken or when the clock was set."""
        ...

    def wake(self) -> None:
        """End the wait."""
        ...

    async def reach(self, instant: datetime.datetime) -> None:
        """Return not before the instant, and hardly after it."""
        ...


class _Spec(ctypes.Structure):
    _fields_ = (
        ("interval_seconds", ctypes.c_long),
        ("interval_nanoseconds", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("nanoseconds", ctypes.c_long),
    )


class SystemAlarm:
    """The kernel's. Belongs to the event loop that it is made in; close it."""

    def __init__(self, clock: clocks.Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = self._libc.timerfd_create(_CLOCK_REALTIME, _FLAGS)
        if self._descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"timerfd_create: {os.strerror(number)}")
        asyncio.get_running_loop().add_reader(self._descriptor, self._ring)

    def close(self) -> None:
        """Give the timer back."""
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    def wake(self) -> None:
        """End the wait."""
        self._rung.set()

    async def wait(self, until: datetime.datetime | None) -> None:
        """Return at the instant; before it when woken or when the clock was set."""
        moment = _NEVER_SECONDS * 1_000_000_000
        if until is not None:
            # Zero would disarm the timer; an instant in the past rings at once.
            moment = max(1, round(until.timestamp() * 1_000_000) * 1000)
        spec = _Spec(0, 0, *divmod(moment, 1_000_000_000))
        self._libc.timerfd_settime(
            self._descriptor, _ABSOLUTE_AND_CANCELLED_BY_SET, ctypes.byref(spec), None
        )
        await self._rung.wait()
        self._rung.clear()

    async def reach(self, instant: datetime.datetime) -> None:
        """Return not before the instant, and hardly after it."""
        # Timers of the loop have a millisecond's grain: they may ring a little early.
        while (remaining := (instant - self._clock.now()).total_seconds()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(max(remaining, _SHORTEST_SECONDS), _LONGEST_SECONDS))

    def _ring(self) -> None:
        # A clock that was set makes the read fail; that is a ring as well.
        with contextlib.suppress(OSError):
            os.read(self._descriptor, 8)
        self._rung.set()
