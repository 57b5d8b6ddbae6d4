"""Storagesvc's HTTP: archives stream through, hashed on the way, signatures checked at the end.

A signature covers the whole body, which is too large to be held: an upload is written aside while
it is hashed, and published only when size, sum and signature agree. Errors are Status bodies.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from fission.base import clock as clocks
from fission.base import errors
from fission.contracts import signing
from fission.contracts import storage as wire
from fission.meta import status
from fission.storagesvc import multipart, objectstore
from fission.web import failures, service

if TYPE_CHECKING:
    from fission_http import headers as header_lists

FORM_OVERHEAD_BYTES: Final = 64 * 1024
"""Boundaries and part headers around the file."""


class Authenticator:
    """Checks signatures; a namespace named in the headers chooses its share of the key."""

    def __init__(self, masters: signing.Masters, clock: clocks.Clock) -> None:
        self._masters = masters
        self._clock = clock

    @property
    def enabled(self) -> bool:
        return self._masters.enabled

    def namespace(self, headers: header_lists.Headers) -> str:
        """The namespace that the caller says it speaks for; proven by ``verify``."""
        if not self.enabled:
            return ""
        return headers.get(signing.NAMESPACE_HEADER) or ""

    def refuse_unsigned(self, headers: header_lists.Headers) -> None:
        """Raise before anything is read when a signature is missing altogether."""
        if self.enabled and not headers.get(signing.SIGNATURE_HEADER):
            raise signing.SignatureError("the request is not signed")

    def verify(self, request: service.Request, body_sha256: str) -> None:
        """Raise SignatureError unless the request is signed with the right key."""
        signing.verify(
            self._masters.keys(signing.STORAGESVC, self.namespace(request.headers)),
            request.method,
            request.target,
            body_sha256,
            request.headers.get(signing.TIMESTAMP_HEADER),
            request.headers.get(signing.SIGNATURE_HEADER),
            self._clock.now().timestamp(),
        )


def make_service(
    store: objectstore.ObjectStore, authenticator: Authenticator, max_archive_bytes: int
) -> service.Service:
    """The routes of storagesvc."""
    handlers = _Handlers(store, authenticator, max_archive_bytes)
    made = service.Service(
        "storagesvc",
        codes={
            objectstore.UnknownArchive: 404,
            objectstore.StorageFull: 507,
            multipart.MalformedBody: 400,
        },
        max_body_bytes=max_archive_bytes + FORM_OVERHEAD_BYTES,
    )
    # Not ``signed``: that would hold whole archives in memory to check them.
    made.route("POST", wire.ARCHIVE, handlers.upload, signed=False)
    made.route("GET", wire.ARCHIVE, handlers.download, signed=False)
    made.route("HEAD", wire.ARCHIVE, handlers.info, signed=False)
    made.route("DELETE", wire.ARCHIVE, handlers.delete, signed=False)
    return made


class _Handlers:
    def __init__(
        self,
        store: objectstore.ObjectStore,
        authenticator: Authenticator,
        max_archive_bytes: int,
    ) -> None:
        self._store = store
        self._auth = authenticator
        self._max_archive_bytes = max_archive_bytes

    async def upload(self, request: service.Request) -> service.Response:
        self._auth.refuse_unsigned(request.headers)
        declared = self._declared_size(request)
        boundary = multipart.boundary_of(request.headers.get("content-type") or "")
        upload = await self._store.upload(self._auth.namespace(request.headers))
        try:
            receiver = _Receiver(upload, boundary, declared)
            async for chunk in request.iter_bytes():
                await receiver.feed(chunk)
            file_sha256 = receiver.close()
            _check_sum(request.headers.get(wire.FILE_SHA256_HEADER), file_sha256)
            self._auth.verify(request, receiver.body_sha256())
            archive_id = await upload.publish()
        except BaseException:
            await upload.discard()
            raise
        answer = wire.encode_upload(wire.UploadResponse(id=archive_id))
        return service.Response(200, failures.JSON, answer)

    async def download(self, request: service.Request) -> service.Response:
        self._auth.verify(request, signing.EMPTY_BODY_HASH)
        if "id" not in request.query_params:
            ids = [info.id for info in await self._store.list() if self._may_see(request, info.id)]
            return service.Response(200, failures.JSON, json.dumps(ids).encode())
        found = await self._store.download(self._archive_id(request))
        return service.Response(
            200,
            [
                ("Content-Type", "application/octet-stream"),
                ("Content-Length", str(found.size_bytes)),
            ],
            found.chunks(),
        )

    async def info(self, request: service.Request) -> service.Response:
        self._auth.verify(request, signing.EMPTY_BODY_HASH)
        headers = [
            (wire.STORAGE_TYPE_HEADER, self._store.kind),
            (wire.BUCKET_HEADER, self._store.bucket),
        ]
        if "id" in request.query_params:
            found = await self._store.info(self._archive_id(request))
            headers.append((wire.FILE_SIZE_HEADER, str(found.size_bytes)))
        return service.Response(200, headers)

    async def delete(self, request: service.Request) -> service.Response:
        self._auth.verify(request, signing.EMPTY_BODY_HASH)
        try:
            await self._store.delete(self._archive_id(request))
        except objectstore.UnknownArchive as error:
            raise errors.InvalidInput(error.message) from error
        return service.Response()

    def _declared_size(self, request: service.Request) -> int:
        text = request.headers.get(wire.FILE_SIZE_HEADER) or ""
        if not (text.isascii() and text.isdigit()):
            raise errors.InvalidInput(
                f"{wire.FILE_SIZE_HEADER} must be the number of bytes, not {text[:40]!r}"
            )
        size = int(text)
        sent = request.body_length or 0
        if size <= self._max_archive_bytes and sent > self._max_archive_bytes + FORM_OVERHEAD_BYTES:
            size = sent
        if size > self._max_archive_bytes:
            raise status.RequestEntityTooLarge(
                f"the archive has {size} bytes; at most {self._max_archive_bytes} are taken"
            )
        return size

    def _archive_id(self, request: service.Request) -> str:
        archive_id = request.query_params.get("id", "")
        if not archive_id:
            raise errors.InvalidInput("the query must name an archive: ?id=<id>")
        if not self._may_see(request, archive_id):
            raise objectstore.UnknownArchive(f"archive {archive_id[:200]!r} does not exist")
        return archive_id

    def _may_see(self, request: service.Request, archive_id: str) -> bool:
        namespace = self._auth.namespace(request.headers)
        return not namespace or self._store.tenant_of(archive_id) in ("", namespace)


class _Receiver:
    """Feeds the file of a form into an upload, and hashes file and form."""

    def __init__(self, upload: objectstore.Upload, boundary: bytes, declared: int) -> None:
        self._upload = upload
        self._parser = multipart.Parser(boundary)
        self._declared = declared
        self._size = 0
        self._files = 0
        self._inside = False
        self._file_sha256 = hashlib.sha256()
        self._body_sha256 = hashlib.sha256()

    async def feed(self, chunk: bytes) -> None:
        self._body_sha256.update(chunk)
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


def _check_sum(expected: str | None, found: str) -> None:
    if expected and expected.lower() != found:
        raise errors.InvalidInput(
            f"checksum mismatch: {wire.FILE_SHA256_HEADER} says {expected}, "
            f"the file's sha256 is {found}"
        )
