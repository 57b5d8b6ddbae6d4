"""An archive on its way in: the file of a form, hashed and counted as it passes into an upload."""

from __future__ import annotations

import hashlib
from typing import Final

from fission.base import errors
from fission.contracts import storage as wire
from fission.meta import status
from fission.storagesvc import multipart, objectstore

FORM_OVERHEAD_BYTES: Final = 64 * 1024
"""Boundaries, part headers and small fields around the file."""


class Receiver:
    """Feeds the file of a form into an upload, and hashes file and form."""

    def __init__(self, upload: objectstore.Upload, boundary: bytes, declared: int) -> None:
        self._upload = upload
        self._parser = multipart.Parser(boundary)
        self._declared = declared
        self._received = 0
        self._size = 0
        self._files = 0
        self._inside = False
        self._file_sha256 = hashlib.sha256()
        self._body_sha256 = hashlib.sha256()

    async def feed(self, chunk: bytes) -> None:
        self._body_sha256.update(chunk)
        self._received += len(chunk)
        if self._received > self._declared + FORM_OVERHEAD_BYTES:
            raise status.RequestEntityTooLarge(
                f"the form has more than {FORM_OVERHEAD_BYTES} bytes beside the"
                f" {self._declared} of its file ({wire.FILE_SIZE_HEADER})"
            )
        for event in self._parser.feed(chunk):
            match event:
                case multipart.PartBegin(name=name):
                    self._inside = name == wire.FILE_FIELD
                    self._files += self._inside
                case multipart.PartData(data=data) if self._inside:
                    await self._write(data)
                case multipart.PartEnd():
                    self._inside = False

    def close(self) -> str:
        """Check that one file arrived whole; returns its SHA-256."""
        self._parser.close()
        if self._files != 1:
            raise errors.InvalidInput(
                f"the form must hold one file in field {wire.FILE_FIELD!r}, it has {self._files}"
            )
        if self._size != self._declared:
            raise errors.InvalidInput(
                f"{wire.FILE_SIZE_HEADER} says {self._declared} bytes, the file has {self._size}"
            )
        return self._file_sha256.hexdigest()

    def body_sha256(self) -> str:
        return self._body_sha256.hexdigest()

    async def _write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._declared:
            raise errors.InvalidInput(
                f"the file is longer than the {self._declared} bytes of {wire.FILE_SIZE_HEADER}"
            )
        self._file_sha256.update(data)
        await self._upload.write(data)
