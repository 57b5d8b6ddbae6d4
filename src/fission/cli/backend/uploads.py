"""The body of an archive upload: a multipart form around a file, streamed, its hashes known first.

An upload that breaks off is sent again from its beginning; the receiver publishes whole archives
only, so a half one is nobody's concern.
"""

import asyncio
import dataclasses
import hashlib
import pathlib
from collections.abc import AsyncIterator, Callable
from typing import Final

from fission.cli import errors
from fission.contracts import storage

Progress = Callable[[int], None]

_CHUNK_BYTES: Final = 256 * 1024


@dataclasses.dataclass(frozen=True)
class Digests:
    """SHA-256 of the file, and of the form around it, which is what a signature covers."""

    file: str
    body: str


class Upload:
    """One file as a form. It is read twice: once to sign it, once to send it."""

    def __init__(self, path: pathlib.Path, name: str, boundary: str, digests: Digests) -> None:
        self._path = path
        self.file_bytes = path.stat().st_size
        self.digests = digests
        self.content_type, self._head, self._tail = storage.multipart(name, boundary)

    def headers(self) -> list[tuple[str, str]]:
        """Headers that the receiver needs."""
        length = len(self._head) + self.file_bytes + len(self._tail)
        return [
            ("Content-Type", self.content_type),
            ("Content-Length", str(length)),
            (storage.FILE_SIZE_HEADER, str(self.file_bytes)),
            (storage.FILE_SHA256_HEADER, self.digests.file),
        ]

    async def body(self, on_progress: Progress) -> AsyncIterator[bytes]:
        """The body; ``on_progress`` hears how many bytes of the file are out."""
        yield self._head
        sent = 0
        with self._path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                sent += len(chunk)
                if sent > self.file_bytes:
                    break
                yield chunk
                on_progress(sent)
        if sent != self.file_bytes:
            raise errors.CliError(f"{self._path} changed while it was uploaded; try again")
        yield self._tail


async def prepare(path: pathlib.Path, name: str, boundary: str) -> Upload:
    """Read the file once for its hashes."""
    _, head, tail = storage.multipart(name, boundary)
    digests = await asyncio.to_thread(_hash, path, head, tail)
    return Upload(path, name, boundary, digests)


def _hash(path: pathlib.Path, head: bytes, tail: bytes) -> Digests:
    of_file, of_body = hashlib.sha256(), hashlib.sha256(head)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            of_file.update(chunk)
            of_body.update(chunk)
    of_body.update(tail)
    return Digests(of_file.hexdigest(), of_body.hexdigest())
