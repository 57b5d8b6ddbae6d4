"""A body on its way in: framing, buffered pieces and back-pressure, shared by server and client.

The protocol feeds bytes; one reader takes pieces. While more than `HIGH_WATER_BYTES` wait to be
taken, the owner is asked to stop reading from the socket.
"""

from __future__ import annotations

import asyncio
import collections
from typing import TYPE_CHECKING, Final

from fission_http import body as bodies
from fission_http import errors

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

HIGH_WATER_BYTES: Final = 256 * 1024
"""Received and not yet taken: four times asyncio's own write buffer limit."""


class IncomingBody:
    """One message body; complete when `done`."""

    __slots__ = (
        "_buffered",
        "_chunks",
        "_error",
        "_framing",
        "_left",
        "_limit",
        "_on_demand",
        "_pieces",
        "_received",
        "_waiter",
        "done",
        "length",
    )

    def __init__(
        self,
        framing: bodies.Framing,
        length: int | None = None,
        on_demand: Callable[[], None] | None = None,
        limit_bytes: int | None = None,
    ) -> None:
        """`on_demand` is called when the reader has to wait, or made room.

        A body that turns out longer than `limit_bytes` fails with BodyTooLarge.
        """
        self._framing = framing
        self.length = length if framing is bodies.Framing.LENGTH else None
        self._left = length or 0
        self._chunks = bodies.ChunkedScanner() if framing is bodies.Framing.CHUNKED else None
        self._pieces: collections.deque[bytes] = collections.deque()
        self._buffered = 0
        self._waiter: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._on_demand = on_demand
        self._limit = limit_bytes
        self._received = 0
        self.done = framing is bodies.Framing.NONE

    @property
    def full(self) -> bool:
        """Enough is buffered; stop reading from the socket."""
        return self._buffered > HIGH_WATER_BYTES

    @property
    def wanted(self) -> bool:
        """A reader waits for more."""
        return self._waiter is not None

    @property
    def failed(self) -> bool:
        """The body will never be complete."""
        return self._error is not None

    def feed(self, data: bytes, start: int = 0) -> int:
        """Take what belongs to this body; returns the offset behind it. Raises BodyError."""
        if self._error is not None:
            return len(data)
        if self._chunks is not None:
            found: list[bytes] = []
            end = self._chunks.scan(data, start, found)
            for piece in found:
                self._push(piece)
            if self._chunks.done:
                self._finish()
            else:
                self._wake()
            return end
        if self._framing is bodies.Framing.CLOSE:
            end = len(data)
        else:
            end = min(len(data), start + self._left)
            self._left -= end - start
        if end > start:
            self._push(data[start:end] if start or end < len(data) else data)
        if self._framing is bodies.Framing.LENGTH and not self._left:
            self._finish()
        else:
            self._wake()
        return end

    def feed_eof(self) -> bool:
        """The peer sent its last byte; True when that completes the body."""
        if self._framing is bodies.Framing.CLOSE and not self.done:
            self._finish()
        return self.done

    def fail(self, error: Exception) -> None:
        """No more will come; the reader gets what is buffered, then the error."""
        if not self.done and self._error is None:
            self._error = error
            self._wake()

    async def read(self, max_bytes: int) -> bytes:
        """The whole rest of the body."""
        if self.length is not None and self.length > max_bytes:
            raise errors.BodyTooLarge(max_bytes)
        pieces = []
        total = 0
        while (piece := await self.next_piece()) is not None:
            total += len(piece)
            if total > max_bytes:
                raise errors.BodyTooLarge(max_bytes)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def iterate(self) -> AsyncIterator[bytes]:
        """The rest of the body, piece by piece as it arrives."""
        while (piece := await self.next_piece()) is not None:
            yield piece

    async def next_piece(self) -> bytes | None:
        """The next piece, None at the end."""
        while not self._pieces:
            if self.done:
                return None
            if self._error is not None:
                raise self._error
            self._waiter = asyncio.get_running_loop().create_future()
            if self._on_demand is not None:
                self._on_demand()
            try:
                await self._waiter
            finally:
                self._waiter = None
        piece = self._pieces.popleft()
        was_full = self.full
        self._buffered -= len(piece)
        if was_full and not self.full and self._on_demand is not None:
            self._on_demand()
        return piece

    def _push(self, piece: bytes) -> None:
        self._received += len(piece)
        if self._limit is not None and self._received > self._limit:
            self.fail(errors.BodyTooLarge(self._limit))
        if self._error is not None:
            return
        self._pieces.append(piece)
        self._buffered += len(piece)

    def _finish(self) -> None:
        if self._error is None:
            self.done = True
        self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if (
            waiter is not None
            and not waiter.done()
            and (self._pieces or self.done or self._error is not None)
        ):
            waiter.set_result(None)
