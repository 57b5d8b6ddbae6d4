"""An archive becomes a file or a tree in a pod's shared directory.

Three ways in (literal, storagesvc, any URL) and one way out: bytes are hashed, checked against the
sum where there is one, unpacked safely, and put under their name in one rename. What has been
unpacked once on this node is copied, not fetched again, when its hash is known beforehand.
"""

from __future__ import annotations

import asyncio
import hashlib
import pathlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib import parse

from fission.api import package_types
from fission.base import archives
from fission.contracts import storage
from fission.fetcher import download, errors, treecache, volume

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_ZIP_MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")
_STORAGE_HOST: Final = "storagesvc"


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
        self._work_dir = work_dir
        self._limits = limits

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
        if archive.oci is not None:
            raise errors.BadRequest("archives of type oci are not supported")
        if archive.literal and (keep_archive or archive.literal[:4] not in _ZIP_MAGIC):
            if target.exists(name):
                await asyncio.to_thread(target.remove, name)
            target.put_file(name, archive.literal)
            return
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
                        f"the package says {expected}"
                    )
            await asyncio.to_thread(self._unpack, packed, path, keep_archive)

        key = hashlib.sha256(archive.literal).hexdigest() if archive.literal else expected
        async with self._content(key, keep_archive, fill) as content:
            await asyncio.to_thread(target.put_copy, content, name)

    @asynccontextmanager
    async def _content(
        self, key: str | None, keep_archive: bool, fill: treecache.Fill
    ) -> AsyncIterator[pathlib.Path]:
        if key is not None and self._cache is not None:
            suffix = "-raw" if keep_archive else ""
            async with self._cache.entry(key + suffix, fill) as content:
                yield content
            return
        work = pathlib.Path(
            await asyncio.to_thread(tempfile.mkdtemp, prefix="fetch-", dir=self._work_dir)
        )
        try:
            await fill(work / treecache.CONTENT)
            yield work / treecache.CONTENT
        finally:
            await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)

    def _unpack(self, packed: pathlib.Path, target: pathlib.Path, keep_archive: bool) -> None:
        if keep_archive or not archives.is_zip(packed):
            packed.rename(target)
            return
        try:
            archives.unpack_zip(packed, target, self._limits)
        except archives.UnsafeArchive as error:
            raise errors.BadRequest(error.message) from error
        packed.unlink()


def expected_sum(checksum: package_types.Checksum) -> str | None:
    """The SHA-256 that an archive must have, if it says one; raises BadRequest for another sort."""
    if not checksum.sum:
        return None
    found = checksum.sum.lower()
    if checksum.type not in ("", package_types.SHA256) or not _SHA256.fullmatch(found):
        raise errors.BadRequest(
            f"checksum {checksum.type}:{checksum.sum[:80]} is not a sha256 sum of 64 hex digits"
        )
    return found


def storage_location(url: str, storage_url: str, sign: download.Sign | None) -> download.Location:
    """Where to ask for a URL. Only storagesvc gets signed requests.

    Its URLs name it by its Service; who resolved that name already says so in ``storage_url``,
    and then the archive is asked for there.
    """
    archive_id = storage.archive_id(url)
    if archive_id is None:
        return download.Location(url)
    place = parse.urlsplit(url)
    known = parse.urlsplit(storage_url).netloc if storage_url else ""
    if place.netloc != known and (place.hostname or "").split(".")[0] != _STORAGE_HOST:
        return download.Location(url)
    if storage_url:
        url = storage.archive_url(storage_url, archive_id)
    return download.Location(url, sign)
