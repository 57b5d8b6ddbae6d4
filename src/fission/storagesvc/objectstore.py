"""What a storage backend promises, and the errors by which it refuses.

Every backend passes ``tests/conformance/object_store``. Ids are opaque to everybody else; a
backend recognises its own and treats any other text as an unknown id, so that no text a client
sends ever becomes a path.
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

    async def publish(self) -> str:
        """Make it durable, then visible; returns its id."""
        ...

    async def discard(self) -> None:
        """Forget it; after ``publish`` this does nothing."""
        ...


class Download(Protocol):
    """An archive on its way out; readable to its end even when it is deleted meanwhile."""

    @property
    def size_bytes(self) -> int: ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the bytes and close."""
        ...


class ObjectStore(Protocol):
    """Where archives are kept."""

    kind: str
    """What ``X-FISSION-STORAGETYPE`` says: ``local`` or ``s3``."""
    bucket: str

    async def upload(self, tenant: str = "") -> Upload:
        """Begin an archive; a tenant's archives carry its namespace in the id."""
        ...

    async def download(self, archive_id: str) -> Download: ...

    async def info(self, archive_id: str) -> ArchiveInfo: ...

    async def list(self) -> builtins.list[ArchiveInfo]: ...

    async def delete(self, archive_id: str) -> None: ...

    def tenant_of(self, archive_id: str) -> str:
        """The namespace in an id; empty when it belongs to none."""
        ...
