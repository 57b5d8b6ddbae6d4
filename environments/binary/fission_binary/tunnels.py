"""Two connections joined end to end, for what goes on after a switch of protocols (WebSocket).

Bytes are passed on as they come, with back-pressure; when either end closes, so does the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast


class End(asyncio.Protocol):
    """One end. Nothing is read from it before the other is there to take it."""

    def __init__(self) -> None:
        self.peer: End | None = None
        self.on_close: Callable[[], None] | None = None
        self._transport: asyncio.Transport | None = None
        self._early: list[bytes] = []
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        early, self._early = self._early, []
        for data in early:
            self._transport.write(data)
        if self.peer is not None and self.peer._lost:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.write(data)

    def write(self, data: bytes) -> None:
        """Send to whoever is at this end."""
        if self._transport is None:
            self._early.append(data)  # a first message, between the answer's head and the switch
        elif not self._transport.is_closing():
            self._transport.write(data)

    def pause_writing(self) -> None:
        if self.peer is not None:
            self.peer.pause()

    def resume_writing(self) -> None:
        if self.peer is not None:
            self.peer.resume()

    def pause(self) -> None:
        """Read no more from this end."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = True
        if self.on_close is not None:
            self.on_close()
        if self.peer is not None:
            self.peer.close()

    def close(self) -> None:
        """Send what is left, and close."""
        if self._transport is not None:
            self._transport.close()


def join() -> tuple[End, End]:
    """Two ends that belong together."""
    near, far = End(), End()
    near.peer, far.peer = far, near
    return near, far
