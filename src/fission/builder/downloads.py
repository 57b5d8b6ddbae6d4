"""The download cache: shared by a namespace's builders, begun anew when it has grown too large.

Package managers keep their caches in forms of their own, in which a file that is missing may be an
error, so nothing less than all of it is removed, and only while no build uses it: a build holds a
shared lock on a file in the cache, whoever clears it an exclusive one. Builds are the cache's only
users and belong to one namespace; one that plays with the lock costs its neighbours some seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import pathlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from fission.base import backoff
from fission.builder import folders

logger = logging.getLogger(__name__)

LOCK: Final = ".fission-lock"
PATIENCE_SECONDS: Final = 10.0
"""How long a build waits for a cache that is being cleared; then it uses it all the same."""


class Downloads:
    """One cache folder, or none."""

    def __init__(self, folder: pathlib.Path | None, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._users = 0
        self._clearing: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def used(self) -> AsyncIterator[None]:
        """Keep the cache as it is; its size is looked at when nobody here uses it any more."""
        self._users += 1
        descriptor = await self._lock()
        try:
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)
            self._users -= 1
            if self._folder is not None and not self._users and self._clearing is None:
                self._clearing = asyncio.ensure_future(self._clear(self._folder))

    async def aclose(self) -> None:
        """Wait for what is being cleared."""
        if self._clearing is not None:
            await asyncio.gather(self._clearing, return_exceptions=True)

    async def _lock(self) -> int | None:
        if self._folder is None:
            return None
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + PATIENCE_SECONDS
        for pause in backoff.delays(0.01, cap_seconds=0.5):
            try:
                return _locked(self._folder, fcntl.LOCK_SH)
            except BlockingIOError:
                if loop.time() + pause > give_up_at:
                    return None
            except OSError:
                return None  # no locks here, or a build put something else in its place
            await asyncio.sleep(pause)
        raise AssertionError("delays never end")

    async def _clear(self, folder: pathlib.Path) -> None:
        try:
            cleared = await asyncio.to_thread(clear_if_large, folder, self._max_bytes)
            if cleared:
                logger.info("download cache was cleared", extra={"bytes": cleared})
        except OSError as error:
            logger.warning("download cache was not looked at", extra={"error": str(error)})
        finally:
            self._clearing = None


def clear_if_large(folder: pathlib.Path, max_bytes: int) -> int:
    """Empty a cache beyond its bound, unless a build uses it; returns its size then. Blocking."""
    size = sum(_sizes(folder))
    if size <= max_bytes:
        return 0
    try:
        descriptor = _locked(folder, fcntl.LOCK_EX)
    except BlockingIOError:
        return 0  # whoever uses it looks when that ends
    try:
        for name in os.listdir(folder):
            if name != LOCK:
                folders.remove(folder / name)
    finally:
        os.close(descriptor)
    return size


def _locked(folder: pathlib.Path, kind: int) -> int:
    """A descriptor that holds the lock; raises BlockingIOError while somebody is in the way."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(folder / LOCK, flags, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _sizes(folder: pathlib.Path) -> Iterator[int]:
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                yield os.lstat(os.path.join(path, name)).st_blocks * 512
