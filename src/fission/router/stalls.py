"""Peers that do not do their part: found at no cost for those that do.

Whoever waits for a peer puts itself on a list; a timer walks the list now and then and compares how
far each has come. A peer that came no further within the time is given up. The timer runs only
while somebody is on the list, and most requests never are.
"""

from __future__ import annotations

import fcntl
import struct
import termios
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio

LOOKS: Final = 4
"""How often a peer is looked at within its time; it may get a quarter of it more, therefore."""

MAX_PAUSE_SECONDS: Final = 5.0
_INT: Final = struct.calcsize("i")


class Waiting(Protocol):
    """Who waits for a peer."""

    def progress(self) -> int | None:
        """Changes with each step of the peer; None while the peer need not do anything."""
        ...

    def stalled(self) -> None:
        """The peer came no further within its time. Said once."""
        ...


class Stalls:
    """Those who wait, and how far their peers had come when."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout_seconds: float) -> None:
        self._loop = loop
        self._timeout_seconds = timeout_seconds
        self._pause = min(timeout_seconds / LOOKS, MAX_PAUSE_SECONDS)
        self._seen: dict[Waiting, tuple[int | None, float]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, waiting: Waiting) -> None:
        """From now on the peer has to get on."""
        self._seen[waiting] = (waiting.progress(), self._loop.time())
        if self._timer is None:
            self._timer = self._loop.call_later(self._pause, self._look)

    def forget(self, waiting: Waiting) -> None:
        """Nothing is expected of the peer any more."""
        self._seen.pop(waiting, None)

    def __len__(self) -> int:
        return len(self._seen)

    def close(self) -> None:
        """Look no more."""
        self._seen.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        now = self._loop.time()
        for waiting, (before, since) in list(self._seen.items()):
            if waiting not in self._seen:
                continue
            progress = waiting.progress()
            if progress is None or progress != before:
                self._seen[waiting] = (progress, now)
            elif now - since >= self._timeout_seconds:
                del self._seen[waiting]
                waiting.stalled()
        if self._seen and self._timer is None:
            self._timer = self._loop.call_later(self._pause, self._look)


def unsent(transport: asyncio.Transport) -> int:
    """Bytes that the peer has not taken: ours, and those that the kernel holds for it.

    A slow peer may free less of the kernel's buffer in a minute than makes it take more of ours.
    """
    waiting = transport.get_write_buffer_size()
    connection = transport.get_extra_info("socket")
    if connection is None or connection.fileno() < 0:
        return waiting
    try:
        answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(_INT))
    except OSError:
        return waiting
    return waiting + int(struct.unpack("i", answer)[0])
