"""The body of an archive upload: a multipart form around a file, streamed, its hash known first."""

import asyncio
import hashlib
import pathlib
from collections.abc import AsyncIterator, Callable
from typing import Final

from fission.contracts import storage

_CHUNK_BYTES: Final = 256 * 1024


class Upload:
    """One file as a form. It is read twice: once to sign it, once to send it."""

    def __init__(self, path: pathlib.Path, name: str, boundary: str) -> None:
        self._path = path
        self._file_bytes = path.stat().st_size
        self.content_type, self._head, self._tail = storage.multipart(name, boundary)

    def headers(self) -> list[tuple[str, str]]:
        """Headers that the receiver needs."""
        length = len(self._head) + self._file_bytes + len(self._tail)
        return [
            ("Content-Type", self.content_type),
            ("Content-Length", str(length)),
            (storage.FILE_SIZE_HEADER, str(self._file_bytes)),
        ]

    async def sha256(self) -> str:
        """Hash of the whole body."""
        return await asyncio.to_thread(self._sha256)

    async def body(self, on_progress: Callable[[int], None]) -> AsyncIterator[bytes]:
        """The body; ``on_progress`` hears how many bytes of the file are out."""
        yield self._head
        sent = 0
        with self._path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                yield chunk
                sent += len(chunk)
                on_progress(sent)
        yield self._tail

    def _sha256(self) -> str:
        digest = hashlib.sha256(self._head)
        with self._path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
        digest.update(self._tail)
        return digest.hexdigest()
