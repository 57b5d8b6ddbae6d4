"""Unpacked archives by content hash, shared by the pods of a node.

An entry is a folder named by its key that holds ``content``: a file or a tree, complete and
read-only by convention (pods get copies). Entries appear by rename, so a process that dies leaves
only work folders, which the next start removes. When the cache exceeds its bound the entries
used longest ago go first; an entry being copied is not among them. Sizes are what files take on
the disk, so that a tree of many small ones counts for what it costs.

An entry may have spares: further copies, made when nobody waits, each of which one pod's volume
takes as it is. They count within the bound, go before their entry does, and are not kept over a
start. A spare is handed out once, and complete.

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
from concurrent import futures
from contextlib import asynccontextmanager
from typing import Final

from fission.base import ids, singleflight
from fission.fetcher import volume

CONTENT: Final = "content"
MAX_SPARES: Final = 64
"""Of all entries together; those of the entries used longest ago go first."""
SPARE_SHARE: Final = 8
"""An entry of more than this part of the bound gets no spare."""
SPARES_OF_ONE: Final = 2
"""Two pods at once find one each; an entry of more than ``SMALL_BYTES`` has one."""
SMALL_BYTES: Final = 4 << 20
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
        self._spares: dict[str, list[pathlib.Path]] = {}
        self._copies: volume.Volume | None = None
        """The cache's own directory, as something that copies are put into."""
        self._filling: singleflight.SingleFlight[str, None] = singleflight.SingleFlight()

    def prepare(self) -> None:
        """Create the directory, remove work folders, learn what is there. Blocking."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in self._directory.iterdir():
            if not _KEY.fullmatch(path.name):
                remove(path)
        entries = sorted(self._directory.iterdir(), key=lambda path: path.stat().st_mtime)
        self._sizes = {path.name: size_of(path) for path in entries}
        self._copies = volume.Volume(self._directory)
        for grave in self._set_aside():
            remove(grave)

    def close(self) -> None:
        """Give up a spare that is being made, and make no more."""
        if self._copies is not None:
            self._copies.close()

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
            await self._release(key)

    def take_spare(self, key: str) -> pathlib.Path | None:
        """A complete copy of an entry, for the taker alone to move or remove; None without one."""
        if not self._spares.get(key):
            return None
        self._sizes[key] = self._sizes.pop(key)
        return self._spares[key].pop()

    async def make_spare(self, key: str, thread: futures.Executor) -> bool:
        """Copy an entry once more; false if it is gone, too large, or has spares enough."""
        if self._copies is None or not self._wants_spare(key):
            return False
        spare = self._directory / f".spare-{ids.short_id(8)}"
        source = self._directory / key / CONTENT
        self._in_use[key] = self._in_use.get(key, 0) + 1
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(thread, self._copies.put_copy, source, spare.name)
            self._spares.setdefault(key, []).append(spare)
        finally:
            await self._release(key)
        return True

    def _wants_spare(self, key: str) -> bool:
        size = self._sizes.get(key)
        if size is None or size * SPARE_SHARE > self._max_bytes:
            return False
        return len(self._spares.get(key, ())) < (SPARES_OF_ONE if size <= SMALL_BYTES else 1)

    def _spare_count(self) -> int:
        return sum(len(spares) for spares in self._spares.values())

    def _total(self) -> int:
        """Bytes of all entries and spares."""
        return sum(size * (1 + len(self._spares.get(key, ()))) for key, size in self._sizes.items())

    async def _release(self, key: str) -> None:
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
            await asyncio.to_thread(remove, grave)

    def _set_aside(self) -> list[pathlib.Path]:
        """Take entries that are too many out of the cache, in one step each; they remain to be
        removed, while an entry of the same key may already be filled again."""
        graves = []
        total, spares = self._total(), self._spare_count()
        for key in list(self._sizes):
            mine = self._spares.get(key, [])
            while mine and (total > self._max_bytes or spares > MAX_SPARES):
                graves.append(mine.pop())
                total -= self._sizes[key]
                spares -= 1
            if total <= self._max_bytes or key in self._in_use:
                continue
            total -= self._sizes.pop(key)
            self._spares.pop(key, None)
            graves.append(self._directory / f".gone-{ids.short_id(8)}")
            os.rename(self._directory / key, graves[-1])
        return graves


def remove(path: pathlib.Path) -> None:
    """Remove a file or a tree, as far as it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def size_of(path: pathlib.Path) -> int:
    """Bytes that what is below a path takes on the disk. Blocking."""
    total = 0
    for folder, _, names in os.walk(path):
        total += _FOLDER_BYTES
        for name in names:
            found = os.lstat(os.path.join(folder, name))
            total += max(found.st_size, found.st_blocks * 512)
    return total
