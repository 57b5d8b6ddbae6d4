"""Unpacked archives by content hash, shared by the pods of a node.

An entry is a folder named by its key that holds ``content``: a file or a tree, complete and
read-only by convention (pods get copies). Entries appear by rename, so a process that dies leaves
only work folders, which the next start removes. When the cache exceeds its bound the entries
used longest ago go first; an entry being copied is not among them. Sizes are what files take on
the disk, so that a tree of many small ones counts for what it costs.

The files are only ever touched in threads; the bookkeeping belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from fission.base import ids, singleflight

CONTENT: Final = "content"
_FOLDER_BYTES: Final = 4096
_KEY = re.compile(r"[0-9a-f]{64}(-raw)?")

Fill = Callable[[pathlib.Path], Awaitable[None]]
"""Creates the path it is given: a file or a folder."""


class TreeCache:
    """One directory of entries."""

    def __init__(self, directory: pathlib.Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._sizes: dict[str, int] = {}
        """Keys in order of use, the longest unused first."""
        self._in_use: dict[str, int] = {}
        self._filling: singleflight.SingleFlight[str, None] = singleflight.SingleFlight()

    def prepare(self) -> None:
        """Create the directory, remove work folders, learn what is there. Blocking."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in self._directory.iterdir():
            if not _KEY.fullmatch(path.name):
                shutil.rmtree(path, ignore_errors=True)
        entries = sorted(self._directory.iterdir(), key=lambda path: path.stat().st_mtime)
        self._sizes = {path.name: size_of(path) for path in entries}
        for grave in self._set_aside():
            shutil.rmtree(grave, ignore_errors=True)

    @property
    def work_dir(self) -> pathlib.Path:
        """Where to put what is temporary: on the same file system, emptied by ``prepare``."""
        return self._directory

    def __contains__(self, key: str) -> bool:
        return key in self._sizes

    def size(self, key: str) -> int:
        """Bytes of an entry that is there."""
        return self._sizes.get(key, 0)

    @asynccontextmanager
    async def entry(self, key: str, fill: Fill) -> AsyncIterator[pathlib.Path]:
        """Yield the content for a key, filling it once for all who wait; it stays while used."""
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is not a content hash")
        self._in_use[key] = self._in_use.get(key, 0) + 1
        try:
            if key not in self._sizes:
                await self._filling.do(key, lambda: self._fill(key, fill))
            self._sizes[key] = self._sizes.pop(key)
            yield self._directory / key / CONTENT
        finally:
            self._in_use[key] -= 1
            if not self._in_use[key]:
                del self._in_use[key]
            await self._evict()

    async def _fill(self, key: str, fill: Fill) -> None:
        work = pathlib.Path(
            await asyncio.to_thread(tempfile.mkdtemp, prefix=".work-", dir=self._directory)
        )
        try:
            await fill(work / CONTENT)
            size = await asyncio.to_thread(size_of, work)
            await asyncio.to_thread(os.rename, work, self._directory / key)
            self._sizes[key] = size
        except BaseException:
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
            raise

    async def _evict(self) -> None:
        for grave in self._set_aside():
            await asyncio.to_thread(shutil.rmtree, grave, ignore_errors=True)

    def _set_aside(self) -> list[pathlib.Path]:
        """Take entries that are too many out of the cache, in one step each; they remain to be
        removed, while an entry of the same key may already be filled again."""
        graves = []
        total = sum(self._sizes.values())
        for key in list(self._sizes):
            if total <= self._max_bytes:
                break
            if key in self._in_use:
                continue
            total -= self._sizes.pop(key)
            graves.append(self._directory / f".gone-{ids.short_id(8)}")
            os.rename(self._directory / key, graves[-1])
        return graves


def size_of(path: pathlib.Path) -> int:
    """Bytes that what is below a path takes on the disk. Blocking."""
    total = 0
    for folder, _, names in os.walk(path):
        total += _FOLDER_BYTES
        for name in names:
            found = os.lstat(os.path.join(folder, name))
            total += max(found.st_size, found.st_blocks * 512)
    return total
