"""An answer's pieces, and what has to be done when they are over, read or not.

An asynchronous generator that was never begun does not run its ``finally``: the answer to a HEAD
request, or to a caller who left in the same moment, would keep its process.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable


class Closing:
    """Pieces with an end: ``on_close`` is called once, when the last reader is done with them."""

    def __init__(
        self, pieces: AsyncIterator[bytes], on_close: Callable[[], Awaitable[None] | None]
    ) -> None:
        self._pieces = pieces
        self._on_close: Callable[[], Awaitable[None] | None] | None = on_close

    def __aiter__(self) -> Closing:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        on_close, self._on_close = self._on_close, None
        try:
            close = getattr(self._pieces, "aclose", None)
            if close is not None:
                await close()
        finally:
            if on_close is not None:
                closing = on_close()
                if inspect.isawaitable(closing):
                    await closing
