"""An archive becomes a file or a tree in a pod's shared directory.

Three ways in (literal, storagesvc, any URL) and one way out: bytes are hashed, checked against the
sum where there is one, unpacked safely, and put under their name in one rename. What has been
unpacked once on this node is not fetched again when its hash is known beforehand: a spare copy is
moved into the volume where one is ready, else it is copied.

Large archives are unpacked and copied in threads of their own, of which there are few: one pod's
takes neither the event loop nor the threads in which the small ones of others are written.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import hashlib
import pathlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from concurrent import futures
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib import parse

from fission.api import package_types
from fission.base import archives
from fission.contracts import storage
from fission.fetcher import download, errors, spares, treecache, volume

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
LARGE_BYTES: Final = 4 << 20
"""Smaller archives are done in some 50 ms."""
LARGE_THREADS: Final = 2
"""As many as have a use for a core; more would only take each other's."""
_STORAGE_HOST: Final = re.compile(r"storagesvc(\.[a-z0-9-]+(\.svc(\.[a-z0-9.-]+)?)?)?\.?")
"""Names of the Service within a cluster; a stranger's domain has another form."""


class ArchiveFetcher:
    """Brings archives into volumes."""

    def __init__(
        self,
        downloader: download.Downloader,
        cache: treecache.TreeCache | None,
        work_dir: pathlib.Path | None = None,
        limits: archives.Limits = archives.DEFAULT_LIMITS,
    ) -> None:
        self._downloader = downloader
        self._cache = cache
        self._spares = spares.Spares(cache) if cache is not None else None
        self._work_dir = work_dir
        self._limits = limits
        self._threads = futures.ThreadPoolExecutor(LARGE_THREADS, "large-archive")

    async def aclose(self) -> None:
        """Take no more work."""
        if self._spares is not None:
            await self._spares.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def put(
        self,
        archive: package_types.Archive,
        target: volume.Volume,
        name: str,
        *,
        keep_archive: bool,
        storage_url: str = "",
        sign: download.Sign | None = None,
    ) -> None:
        """Put the archive's content under ``name``; what lies there is replaced."""
        if archive.literal and _is_file(archive, keep_archive):
            target.put_file(name, archive.literal)
            return
        key, fill = self._source(archive, keep_archive, storage_url, sign)
        if key is None or not await self._move_spare(key, target, name):
            async with self._content(key, fill) as (content, is_large):
                await self._work(is_large, target.put_copy, content, name)
        if key is not None and self._spares is not None:
            self._spares.want(key)

    async def prefetch(
        self,
        archive: package_types.Archive,
        *,
        keep_archive: bool,
        storage_url: str = "",
        sign: download.Sign | None = None,
    ) -> None:
        """Unpack the archive into the cache, if there is one and it can be found there again."""
        if self._cache is None or self._spares is None:
            return
        if archive.literal and _is_file(archive, keep_archive):
            return
        key, fill = self._source(archive, keep_archive, storage_url, sign)
        if key is not None:
            async with self._cache.entry(key, fill):
                self._spares.want(key)

    def _source(
        self,
        archive: package_types.Archive,
        keep_archive: bool,
        storage_url: str,
        sign: download.Sign | None,
    ) -> tuple[str | None, treecache.Fill]:
        """The cache's key for what an archive holds, if there can be one, and how to get it."""
        if archive.oci is not None:
            raise errors.BadRequest("archives of type oci are not supported")
        if not archive.literal and not archive.url:
            raise errors.BadRequest("the archive is empty: neither literal nor url is given")
        expected = None if archive.literal else expected_sum(archive.checksum)
        location = storage_location(archive.url, storage_url, sign)

        async def fill(path: pathlib.Path) -> None:
            packed = path.with_name("packed")
            if archive.literal:
                await asyncio.to_thread(packed.write_bytes, archive.literal)
            else:
                found = await self._downloader.save(location, packed)
                if expected is not None and found != expected:
                    raise errors.BadRequest(
                        f"checksum mismatch: the archive's sha256 is {found}, "
                        f"the package says {expected}; update the package's archive or its checksum"
                    )
            await self._work(
                packed.stat().st_size > LARGE_BYTES, self._unpack, packed, path, keep_archive
            )

        key = hashlib.sha256(archive.literal).hexdigest() if archive.literal else expected
        return (f"{key}-raw" if key is not None and keep_archive else key), fill

    async def _move_spare(self, key: str, target: volume.Volume, name: str) -> bool:
        """Put a copy that was made beforehand, if there is one and it can be moved."""
        spare = self._cache.take_spare(key) if self._cache is not None else None
        if self._cache is None or spare is None:
            return False
        try:
            if self._cache.size(key) > LARGE_BYTES:
                return await asyncio.to_thread(target.put_moved, spare, name)
            return target.put_moved(spare, name)
        finally:
            if spare.exists():
                await asyncio.to_thread(treecache.remove, spare)

    @asynccontextmanager
    async def _content(
        self, key: str | None, fill: treecache.Fill
    ) -> AsyncIterator[tuple[pathlib.Path, bool]]:
        """A file or tree that is ours, and whether it is a large one."""
        if key is not None and self._cache is not None:
            async with self._cache.entry(key, fill) as content:
                yield content, self._cache.size(key) > LARGE_BYTES
            return
        work = pathlib.Path(
            await asyncio.to_thread(tempfile.mkdtemp, prefix="fetch-", dir=self._work_dir)
        )
        try:
            content = work / treecache.CONTENT
            await fill(content)
            yield content, await asyncio.to_thread(treecache.size_of, work) > LARGE_BYTES
        finally:
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)

    async def _work(self, is_large: bool, work: Callable[..., None], *arguments: Any) -> None:
        threads = self._threads if is_large else None
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(threads, functools.partial(work, *arguments))

    def _unpack(self, packed: pathlib.Path, target: pathlib.Path, keep_archive: bool) -> None:
        with packed.open("rb") as file:
            form = _form(file.read(archives.HEAD_BYTES), keep_archive)
        if form is archives.Form.FILE:
            packed.rename(target)
            return
        try:
            archives.unpack(packed, form, target, self._limits)
        except archives.UnsafeArchive as error:
            raise errors.BadRequest(error.message) from error
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise errors.NoSpace("no space is left to unpack the archive") from error
            raise
        packed.unlink()


def _is_file(archive: package_types.Archive, keep_archive: bool) -> bool:
    """Whether a literal is written as it is."""
    head = archive.literal[: archives.HEAD_BYTES]
    return archive.oci is None and _form(head, keep_archive) is archives.Form.FILE


def _form(head: bytes, keep_archive: bool) -> archives.Form:
    if keep_archive:
        return archives.Form.FILE
    try:
        return archives.form_of(head)
    except archives.UnsafeArchive as error:
        raise errors.BadRequest(error.message) from error


def expected_sum(checksum: package_types.Checksum) -> str | None:
    """The SHA-256 that an archive must have, if it says one; raises BadRequest for another sort."""
    if not checksum.sum:
        return None
    found = checksum.sum.lower()
    if checksum.type not in ("", package_types.SHA256) or not _SHA256.fullmatch(found):
        raise errors.BadRequest(
            f"checksum: {checksum.type}:{checksum.sum[:80]} is not a sha256 sum of 64 hex digits"
        )
    return found


def storage_location(url: str, storage_url: str, sign: download.Sign | None) -> download.Location:
    """Where to ask for a URL. Only storagesvc gets signed requests.

    Its URLs name it by its Service; who resolved that name already says so in ``storage_url``,
    and then the archive is asked for there.
    """
    archive_id = storage.archive_id(url)
    if archive_id is None:
        return download.Location(url, is_trusted=False)
    place = parse.urlsplit(url)
    known = parse.urlsplit(storage_url).netloc if storage_url else ""
    if place.netloc != known and not _STORAGE_HOST.fullmatch(place.hostname or ""):
        return download.Location(url, is_trusted=False)
    if storage_url:
        url = storage.archive_url(storage_url, archive_id)
    return download.Location(url, sign)
