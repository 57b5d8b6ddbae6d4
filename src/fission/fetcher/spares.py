"""Spares of cached trees are made when nobody waits: a moment after an entry was used.

One thread makes them, one after another, so that a node which starts many functions is never
busier with what may come than with what has come. Losing a spare costs a copy, so nothing here
is an error for anybody.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent import futures
from typing import Final

from fission.base import errors
from fission.fetcher import treecache

logger = logging.getLogger(__name__)

DELAY_SECONDS: Final = 0.5
"""By then the function has been called, and the pool's next pod has been forked."""


class Spares:
    """Has the spares of one cache made, and hands them out."""

    def __init__(self, cache: treecache.TreeCache, delay_seconds: float = DELAY_SECONDS) -> None:
        self._cache = cache
        self._delay_seconds = delay_seconds
        self._wanted: dict[str, None] = {}
        self._working: asyncio.Task[None] | None = None
        self._thread = futures.ThreadPoolExecutor(1, "spare-trees")

    async def aclose(self) -> None:
        """Make no more; one that is being made is given up."""
        self._cache.close()
        if self._working is not None:
            self._working.cancel()
            await asyncio.gather(self._working, return_exceptions=True)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def want(self, key: str) -> None:
        """An entry was used, and may be again."""
        self._wanted[key] = None
        if self._working is None or self._working.done():
            self._working = asyncio.ensure_future(self._work())

    async def settled(self) -> None:
        """Wait until everything wanted so far is made."""
        while self._working is not None and not self._working.done():
            await asyncio.wait([self._working])

    async def _work(self) -> None:
        while self._wanted:
            await asyncio.sleep(self._delay_seconds)
            key = next(iter(self._wanted))
            del self._wanted[key]
            try:
                for _ in range(treecache.SPARES_OF_ONE):
                    await self._cache.make_spare(key, self._thread)
            except (errors.Error, OSError) as error:
                logger.warning("no spare was made", extra={"key": key, "error": str(error)})
