"""Archives in a directory.

============  ======================================================================
``.uploads``  archives on their way in; each is locked (``flock``) by who writes it
``.sums``     a small file for each archive: its SHA-256, synced before it is visible
the rest      archives by name, those of a tenant below ``_tenant_/<namespace>``
============  ======================================================================

An upload is written aside, synced, and renamed to its id; the directory is synced before the id is
given away. The lock of an upload ends with its process, so what a process that died left behind is
told from what another one is writing at this moment. Every call that touches the disk runs in a
thread. Several servers may share the directory: names are random and nothing is overwritten.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import datetime
import errno
import fcntl
import os
import pathlib
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import IO

from fission.base import ids
from fission.storagesvc import names, objectstore

CHUNK_BYTES = 1 << 20
STALE_UPLOAD_SECONDS = 3600.0
"""Where locks are not to be had, an upload not written to for this long counts as left behind."""
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class LocalStore:
    """An ObjectStore below ``base/subdir``; ids begin with the declared form of that path."""

    kind = "local"
    bucket = ""

    def __init__(
        self,
        base: pathlib.Path,
        *,
        declared_base: str = "/fission",
        subdir: str = "fission-functions",
        new_name: Callable[[], str] = ids.new_uid,
    ) -> None:
        self._root = base / subdir
        self._names = names.Names(f"{declared_base.rstrip('/')}/{subdir}/")
        self._uploads = self._root / ".uploads"
        self._sums = self._root / ".sums"
        self._new_name = new_name

    async def prepare(self) -> None:
        await asyncio.to_thread(self._prepare)

    async def sweep(self) -> int:
        return await asyncio.to_thread(self._sweep)

    async def upload(self, tenant: str = "") -> objectstore.Upload:
        name = self._new_name()
        archive_id = self._names.make(name, tenant)
        temporary = self._uploads / name
        opening = asyncio.ensure_future(asyncio.to_thread(_open_locked, temporary))
        try:
            with _full_storage_is_said():
                file = await asyncio.shield(opening)
        except asyncio.CancelledError:  # the thread goes on: what it opens is nobody's
            opening.add_done_callback(lambda done: _drop(done, temporary))
            raise
        return _LocalUpload(file, temporary, self._path(archive_id), self._sums, archive_id)

    async def download(self, archive_id: str) -> objectstore.Download:
        path = self._path(archive_id)
        try:
            return await asyncio.to_thread(_LocalDownload, path, self._sums / path.name)
        except FileNotFoundError as error:
            raise objectstore.unknown(archive_id) from error

    async def info(self, archive_id: str) -> objectstore.ArchiveInfo:
        path = self._path(archive_id)
        try:
            return await asyncio.to_thread(_info, archive_id, path)
        except FileNotFoundError as error:
            raise objectstore.unknown(archive_id) from error

    async def list(self) -> builtins.list[objectstore.ArchiveInfo]:
        return await asyncio.to_thread(self._scan)

    async def delete(self, archive_id: str) -> objectstore.ArchiveInfo:
        found = await self.info(archive_id)
        path = self._path(archive_id)
        try:
            await asyncio.to_thread(path.unlink)
        except FileNotFoundError as error:
            raise objectstore.unknown(archive_id) from error
        await asyncio.to_thread((self._sums / path.name).unlink, missing_ok=True)
        return found

    def tenant_of(self, archive_id: str) -> str:
        return self._names.split(archive_id)[0]

    def _path(self, archive_id: str) -> pathlib.Path:
        self._names.split(archive_id)
        return self._root / archive_id.removeprefix(self._names.prefix)

    def _prepare(self) -> None:
        try:
            for folder in (self._uploads, self._sums):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise objectstore.StorageUnavailable(
                f"STORAGE_PATH: {self._root} cannot be used: {error.strerror}"
            ) from error

    def _sweep(self) -> int:
        # Sums are looked at first: one whose archive is neither there nor on its way by then
        # belongs to none, since it is written before the upload is renamed.
        sums = {path.name for path in self._sums.iterdir()}
        swept = sum(_remove_if_dead(path) for path in builtins.list(self._uploads.iterdir()))
        sums -= {path.name for path in self._uploads.iterdir()}
        sums -= {path.name for path in self._archives()}
        for name in sums:
            (self._sums / name).unlink(missing_ok=True)
        return swept

    def _archives(self) -> builtins.list[pathlib.Path]:
        found = [*self._root.glob("*"), *self._root.glob("_tenant_/*/*")]
        return [path for path in found if self._names.is_id(self._id(path))]

    def _id(self, path: pathlib.Path) -> str:
        return self._names.prefix + path.relative_to(self._root).as_posix()

    def _scan(self) -> builtins.list[objectstore.ArchiveInfo]:
        found = []
        for path in self._archives():
            try:
                found.append(_info(self._id(path), path))
            except FileNotFoundError:
                continue
        return sorted(found, key=lambda info: info.id)


class _LocalUpload:
    def __init__(
        self,
        file: IO[bytes],
        temporary: pathlib.Path,
        target: pathlib.Path,
        sums: pathlib.Path,
        archive_id: str,
    ) -> None:
        self._file = file
        self._temporary = temporary
        self._target = target
        self._sums = sums
        self._id = archive_id
        self._buffer = bytearray()

    async def write(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= CHUNK_BYTES:
            await self._flush()

    async def publish(self, sha256: str) -> str:
        await self._flush()
        with _full_storage_is_said():
            await asyncio.to_thread(self._publish, sha256)
        return self._id

    async def discard(self) -> None:
        await asyncio.to_thread(self._discard)

    async def _flush(self) -> None:
        data, self._buffer = self._buffer, bytearray()
        with _full_storage_is_said():
            await asyncio.to_thread(self._file.write, data)

    def _publish(self, sha256: str) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        with (self._sums / self._target.name).open("xb") as kept:
            kept.write(sha256.encode() + b"\n")
            kept.flush()
            os.fsync(kept.fileno())
        _sync_directory(self._sums)
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._temporary.rename(self._target)
        _sync_directory(self._target.parent)
        self._file.close()

    def _discard(self) -> None:
        try:
            self._file.close()
        finally:
            self._temporary.unlink(missing_ok=True)
            if not self._target.exists():
                (self._sums / self._target.name).unlink(missing_ok=True)


class _LocalDownload:
    def __init__(self, path: pathlib.Path, kept: pathlib.Path) -> None:
        self._sha256 = _read_sum(kept)
        self._file = path.open("rb")
        self._size_bytes = os.fstat(self._file.fileno()).st_size

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    @property
    def sha256(self) -> str:
        return self._sha256

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            while chunk := await asyncio.to_thread(self._file.read, CHUNK_BYTES):
                yield chunk
        finally:
            self._file.close()

    async def aclose(self) -> None:
        self._file.close()


def _drop(opened: asyncio.Future[IO[bytes]], temporary: pathlib.Path) -> None:
    """Close and remove a file that was opened for somebody who has gone."""
    if not opened.cancelled() and opened.exception() is None:
        opened.result().close()
        temporary.unlink(missing_ok=True)


def _read_sum(path: pathlib.Path) -> str:
    try:
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        return ""
    if not _SHA256.fullmatch(text):
        raise objectstore.DamagedArchive(f"the sum of archive {path.name} is damaged")
    return text


def _open_locked(path: pathlib.Path) -> IO[bytes]:
    while True:
        file = path.open("xb")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody sweeps, and takes it for what was left behind
            file.close()
            continue
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                file.close()
                raise
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()


def _remove_if_dead(path: pathlib.Path) -> bool:
    """Remove an upload that nobody writes any more; returns whether it was one."""
    try:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            except OSError as error:
                age = time.time() - os.fstat(file.fileno()).st_mtime
                if error.errno not in _NO_LOCKS or age < STALE_UPLOAD_SECONDS:
                    return False
            path.unlink()
    except FileNotFoundError:
        return False
    return True


def _info(archive_id: str, path: pathlib.Path) -> objectstore.ArchiveInfo:
    found = path.stat()
    modified_at = datetime.datetime.fromtimestamp(found.st_mtime, datetime.UTC)
    return objectstore.ArchiveInfo(archive_id, found.st_size, modified_at)


@contextlib.contextmanager
def _full_storage_is_said() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise objectstore.StorageFull("no space is left for the archive") from error
        raise


def _sync_directory(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
