"""Storagesvc's HTTP: archives stream through, hashed on the way, signatures checked at the end.

A signature covers the whole body, which is too large to be held: an upload is written aside while
it is hashed, and published only when size, sum and signature agree. Errors are Status bodies.
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fission.base import clock as clocks
from fission.base import errors
from fission.contracts import signing
from fission.contracts import storage as wire
from fission.meta import status
from fission.storagesvc import metrics, multipart, objectstore, receive, send
from fission.web import failures, service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Mapping

    from fission_http import headers as header_lists

_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
PLACE_SECONDS: Final = 30.0
"""How long an upload waits for its turn; then its client is told to come again."""


@dataclass(frozen=True)
class Bounds:
    """How much and how long an upload may be, and how many there may be at once."""

    max_archive_bytes: int
    max_uploads: int
    upload_seconds: float


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

    def now(self) -> float:
        """The moment that signatures are compared with."""
        return self._clock.now().timestamp()

    def verify(
        self, request: service.Request, body_sha256: str, arrived: float | None = None
    ) -> None:
        """Raise SignatureError unless the request is signed with the right key.

        A body that takes its time is judged by when it ``arrived``, not by when it ended.
        """
        signing.verify(
            self._masters.keys(signing.STORAGESVC, self.namespace(request.headers)),
            request.method,
            request.target,
            body_sha256,
            request.headers.get(signing.TIMESTAMP_HEADER),
            request.headers.get(signing.SIGNATURE_HEADER),
            self.now() if arrived is None else arrived,
        )


def make_service(
    store: objectstore.ObjectStore,
    authenticator: Authenticator,
    counts: metrics.Metrics,
    *,
    bounds: Bounds,
    checks: Mapping[str, Callable[[], bool]],
) -> service.Service:
    """The routes of storagesvc."""
    handlers = _Handlers(store, authenticator, counts, bounds)
    made = service.Service(
        "storagesvc",
        checks=checks,
        codes={
            objectstore.UnknownArchive: 404,
            objectstore.StorageFull: 507,
            objectstore.StorageUnavailable: 503,
            objectstore.DamagedArchive: 500,
            multipart.MalformedBody: 400,
        },
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
        counts: metrics.Metrics,
        bounds: Bounds,
    ) -> None:
        self._store = store
        self._auth = authenticator
        self._counts = counts
        self._bounds = bounds
        self._places = asyncio.Semaphore(bounds.max_uploads)

    async def upload(self, request: service.Request) -> service.Response:
        result = metrics.BROKEN
        try:
            archive_id = await self._upload(request)
            result = metrics.STORED
        except (errors.InvalidInput, status.StatusError, signing.SignatureError):
            result = metrics.REFUSED
            raise
        finally:
            self._counts.uploads[result] += 1
        answer = wire.encode_upload(wire.UploadResponse(id=archive_id))
        return service.Response(200, failures.JSON, answer)

    async def _upload(self, request: service.Request) -> str:
        self._auth.refuse_unsigned(request.headers)
        arrived = self._auth.now()
        declared = self._declared_size(request)
        declared_sum = _declared_sum(request)
        boundary = multipart.boundary_of(request.headers.get("content-type") or "")
        tenant = self._auth.namespace(request.headers)
        async with self._place():
            upload = await self._store.upload(tenant)
            try:
                receiver = receive.Receiver(upload, boundary, declared)
                async for chunk in request.iter_bytes():
                    await receiver.feed(chunk)
                file_sum = receiver.close()
                _check_sum(declared_sum, file_sum)
                self._auth.verify(request, receiver.body_sha256(), arrived)
                archive_id = await upload.publish(file_sum)
            except BaseException:
                await _to_its_end(upload.discard())
                raise
        self._counts.changed(1, declared)
        self._counts.received_bytes += declared
        return archive_id

    async def download(self, request: service.Request) -> service.Response:
        self._auth.verify(request, signing.EMPTY_BODY_HASH)
        if "id" not in request.query_params:
            ids = [info.id for info in await self._store.list() if self._may_see(request, info.id)]
            return service.Response(200, failures.JSON, json.dumps(ids).encode())
        try:
            archive_id = self._archive_id(request)
            found = await self._store.download(archive_id)
        except objectstore.UnknownArchive:
            self._counts.downloads[metrics.UNKNOWN] += 1
            raise
        headers = [("Content-Type", "application/octet-stream")]
        if found.sha256:
            headers.append((wire.FILE_SHA256_HEADER, found.sha256))
        if found.size_bytes <= send.WHOLE_BYTES:
            content = await send.whole(archive_id, found, self._counts)
            return service.Response(200, headers, content)
        headers.append(("Content-Length", str(found.size_bytes)))
        return service.Response(200, headers, send.stream(archive_id, found, self._counts))

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
            deleted = await self._store.delete(self._archive_id(request))
        except objectstore.UnknownArchive as error:
            raise errors.InvalidInput(error.message) from error
        self._counts.changed(-1, -deleted.size_bytes)
        return service.Response()

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """One of the places of uploads, for a bounded time."""
        try:
            await asyncio.wait_for(self._places.acquire(), PLACE_SECONDS)
        except TimeoutError as error:
            raise status.ServiceUnavailable(
                f"{self._bounds.max_uploads} uploads are running (STORAGE_MAX_UPLOADS);"
                " try again later"
            ) from error
        self._counts.uploads_running += 1
        try:
            async with asyncio.timeout(self._bounds.upload_seconds):
                yield
        except TimeoutError as error:
            raise status.Timeout(
                f"the upload took longer than {self._bounds.upload_seconds:g} s"
                " (STORAGE_UPLOAD_TIMEOUT)"
            ) from error
        finally:
            self._counts.uploads_running -= 1
            self._places.release()

    def _declared_size(self, request: service.Request) -> int:
        text = request.headers.get(wire.FILE_SIZE_HEADER) or ""
        if not (text.isascii() and text.isdigit()):
            raise errors.InvalidInput(
                f"{wire.FILE_SIZE_HEADER} must be the number of bytes, not {text[:40]!r}"
            )
        size = int(text)
        sent = request.body_length or 0
        if size <= self._bounds.max_archive_bytes < sent - receive.FORM_OVERHEAD_BYTES:
            size = sent
        if size > self._bounds.max_archive_bytes:
            raise status.RequestEntityTooLarge(
                f"the archive has {size} bytes; at most {self._bounds.max_archive_bytes} are taken"
                " (STORAGE_MAX_ARCHIVE_SIZE_MIB)"
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


async def _to_its_end(step: Coroutine[Any, Any, None]) -> None:
    """Await a step that is not to be broken off: a client that leaves cancels its request."""
    running = asyncio.ensure_future(step)
    broken_off: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            broken_off = error
    if broken_off is not None:
        raise broken_off
    running.result()


def _declared_sum(request: service.Request) -> str:
    text = request.headers.get(wire.FILE_SHA256_HEADER) or ""
    if text and not _SHA256.fullmatch(text):
        raise errors.InvalidInput(
            f"{wire.FILE_SHA256_HEADER} must be 64 hexadecimal digits, not {text[:80]!r}"
        )
    return text.lower()


def _check_sum(expected: str, found: str) -> None:
    if expected and expected != found:
        raise errors.InvalidInput(
            f"checksum mismatch: {wire.FILE_SHA256_HEADER} says {expected}, "
            f"the file's sha256 is {found}"
        )
