"""What a storage backend promises, and the errors by which it refuses.

Every backend passes ``tests/conformance/object_store``. An archive is visible whole or not at all,
also when the process ends in the middle of an upload; what an upload leaves behind then is removed
by ``sweep``. With an archive its SHA-256 is kept, so that what is damaged later can be told.
"""

from __future__ import annotations

import builtins
import datetime
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

from fission.base import errors


class UnknownArchive(errors.Error):
    """There is no archive of that id."""

    reason: ClassVar[str] = "NotFound"


class StorageFull(errors.Error):
    """The archive does not fit on what holds the archives."""

    reason: ClassVar[str] = "StorageFull"
    retryable: ClassVar[bool] = True


class StorageUnavailable(errors.Error):
    """What holds the archives does not answer, or refuses us."""

    reason: ClassVar[str] = "ServiceUnavailable"
    retryable: ClassVar[bool] = True


class DamagedArchive(errors.Error):
    """The bytes that are kept are not those that were stored."""

    reason: ClassVar[str] = "DamagedArchive"


def unknown(archive_id: str) -> UnknownArchive:
    """The error for an id that leads nowhere."""
    return UnknownArchive(f"archive {archive_id[:200]!r} does not exist")


@dataclass(frozen=True, slots=True)
class ArchiveInfo:
    """An archive as a listing shows it."""

    id: str
    size_bytes: int
    modified_at: datetime.datetime


class Upload(Protocol):
    """An archive on its way in; nobody sees it before ``publish``."""

    async def write(self, data: bytes) -> None:
        """Append bytes."""
        ...

    async def publish(self, sha256: str) -> str:
        """Make it durable with its SHA-256 (hexadecimal), then visible; returns its id."""
        ...

    async def discard(self) -> None:
        """Forget it; after ``publish`` this does nothing."""
        ...


class Download(Protocol):
    """An archive on its way out; readable to its end even when it is deleted meanwhile."""

    @property
    def size_bytes(self) -> int: ...

    @property
    def sha256(self) -> str:
        """What the bytes must hash to; empty for an archive that was stored without."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes and close."""
        ...

    async def aclose(self) -> None:
        """Give up what was not read."""
        ...


class ObjectStore(Protocol):
    """Where archives are kept."""

    kind: str
    """What ``X-FISSION-STORAGETYPE`` says: ``local`` or ``s3``."""
    bucket: str

    async def prepare(self) -> None:
        """Make it usable: create the folder or bucket where it is missing."""
        ...

    async def sweep(self) -> int:
        """Remove what uploads of dead processes left; returns how many there were."""
        ...

    async def upload(self, tenant: str = "") -> Upload:
        """Begin an archive; a tenant's archives carry its namespace in the id."""
        ...

    async def download(self, archive_id: str) -> Download: ...

    async def info(self, archive_id: str) -> ArchiveInfo: ...

    async def list(self) -> builtins.list[ArchiveInfo]: ...

    async def delete(self, archive_id: str) -> ArchiveInfo:
        """Remove an archive and return what it was."""
        ...

    def tenant_of(self, archive_id: str) -> str:
        """The namespace in an id; empty when it belongs to none."""
        ...
