"""Archives in a directory.

An upload is written to ``.uploads`` beside the archives, synced, and renamed to its id; the
directory is synced before the id is given away. Every call that touches the disk runs in a
thread. Two servers may share the directory: names are random and nothing is ever overwritten.
"""

from __future__ import annotations

import asyncio
import builtins
import datetime
import errno
import os
import pathlib
import re
import time
from collections.abc import AsyncIterator, Callable
from typing import IO

from fission.base import errors, ids
from fission.storagesvc import objectstore

CHUNK_BYTES = 1 << 20
STALE_UPLOAD_SECONDS = 3600.0
"""An upload that was not written to for this long belongs to a process that died."""
_NAME = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_TENANTS = "_tenant_"


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
        self._prefix = f"{declared_base.rstrip('/')}/{subdir}/"
        self._uploads = self._root / ".uploads"
        self._new_name = new_name

    def prepare(self) -> None:
        """Create the directories and remove what a dead process left half-written."""
        self._uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in self._uploads.iterdir():
            if time.time() - path.stat().st_mtime > STALE_UPLOAD_SECONDS:
                path.unlink(missing_ok=True)

    async def upload(self, tenant: str = "") -> objectstore.Upload:
        if tenant and not _NAMESPACE.fullmatch(tenant):
            raise errors.InvalidInput(f"namespace {tenant!r} is not a DNS label")
        name = self._new_name()
        relative = f"{_TENANTS}/{tenant}/{name}" if tenant else name
        temporary = self._uploads / name
        file = await asyncio.to_thread(open, temporary, "xb")
        return _LocalUpload(file, temporary, self._root / relative, self._prefix + relative)

    async def download(self, archive_id: str) -> objectstore.Download:
        path = self._path(archive_id)
        try:
            file = await asyncio.to_thread(open, path, "rb")
        except FileNotFoundError as error:
            raise _unknown(archive_id) from error
        return _LocalDownload(file)

    async def info(self, archive_id: str) -> objectstore.ArchiveInfo:
        path = self._path(archive_id)
        try:
            return await asyncio.to_thread(_info, archive_id, path)
        except FileNotFoundError as error:
            raise _unknown(archive_id) from error

    async def list(self) -> builtins.list[objectstore.ArchiveInfo]:
        return await asyncio.to_thread(self._scan)

    async def delete(self, archive_id: str) -> None:
        path = self._path(archive_id)
        try:
            await asyncio.to_thread(path.unlink)
        except FileNotFoundError as error:
            raise _unknown(archive_id) from error

    def tenant_of(self, archive_id: str) -> str:
        return self._split(archive_id)[0]

    def _split(self, archive_id: str) -> tuple[str, str]:
        parts = archive_id.removeprefix(self._prefix).split("/")
        if archive_id.startswith(self._prefix) and _NAME.fullmatch(parts[-1]):
            if len(parts) == 1:
                return "", parts[0]
            if len(parts) == 3 and parts[0] == _TENANTS and _NAMESPACE.fullmatch(parts[1]):
                return parts[1], parts[2]
        raise _unknown(archive_id)

    def _path(self, archive_id: str) -> pathlib.Path:
        tenant, name = self._split(archive_id)
        return self._root / _TENANTS / tenant / name if tenant else self._root / name

    def _scan(self) -> builtins.list[objectstore.ArchiveInfo]:
        found = []
        for path in [*self._root.glob("*"), *self._root.glob(f"{_TENANTS}/*/*")]:
            archive_id = self._prefix + path.relative_to(self._root).as_posix()
            try:
                self._split(archive_id)
                found.append(_info(archive_id, path))
            except (objectstore.UnknownArchive, FileNotFoundError):
                continue
        return sorted(found, key=lambda info: info.id)


class _LocalUpload:
    def __init__(
        self, file: IO[bytes], temporary: pathlib.Path, target: pathlib.Path, archive_id: str
    ) -> None:
        self._file = file
        self._temporary = temporary
        self._target = target
        self._id = archive_id
        self._buffer = bytearray()

    async def write(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= CHUNK_BYTES:
            await self._flush()

    async def publish(self) -> str:
        await self._flush()
        await asyncio.to_thread(self._publish)
        return self._id

    async def discard(self) -> None:
        await asyncio.to_thread(self._discard)

    async def _flush(self) -> None:
        data, self._buffer = self._buffer, bytearray()
        try:
            await asyncio.to_thread(self._file.write, data)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise objectstore.StorageFull("no space is left for the archive") from error
            raise

    def _publish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._temporary.rename(self._target)
        _sync_directory(self._target.parent)

    def _discard(self) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)


class _LocalDownload:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._size_bytes = os.fstat(file.fileno()).st_size

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            while chunk := await asyncio.to_thread(self._file.read, CHUNK_BYTES):
                yield chunk
        finally:
            self._file.close()


def _info(archive_id: str, path: pathlib.Path) -> objectstore.ArchiveInfo:
    found = path.stat()
    modified_at = datetime.datetime.fromtimestamp(found.st_mtime, datetime.UTC)
    return objectstore.ArchiveInfo(archive_id, found.st_size, modified_at)


def _unknown(archive_id: str) -> objectstore.UnknownArchive:
    return objectstore.UnknownArchive(f"archive {archive_id[:200]!r} does not exist")


def _sync_directory(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
