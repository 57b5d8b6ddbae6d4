"""Takes what a builder made to storagesvc: packed reproducibly, hashed, sent as one signed form."""

from __future__ import annotations

import asyncio
import hashlib
import os
import pathlib
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Final

from fission.api import package_types
from fission.base import archives, ids
from fission.base import errors as base_errors
from fission.contracts import fetcher as wire
from fission.contracts import storage
from fission.fetcher import errors, volume
from fission_http import client as http_client
from fission_http import errors as http_errors

TIMEOUT_SECONDS: Final = 300.0
_CHUNK_BYTES: Final = 1 << 20

SignUpload = Callable[[str, str, str], list[tuple[str, str]]]
"""Returns the headers that sign a request, from method, request URI and the body's SHA-256."""


async def upload(
    http: http_client.Client,
    source: volume.Volume,
    request: wire.ArchiveUploadRequest,
    sign: SignUpload | None,
) -> wire.ArchiveUploadResponse:
    """Send ``request.filename`` and return where it is and what it hashes to."""
    (name,) = volume.checked_parts(request.filename)
    if not request.storagesvc_url:
        raise errors.BadRequest("storagesvcurl must be given")
    with tempfile.TemporaryDirectory(prefix="upload-") as folder:
        packed = pathlib.Path(folder) / "archive"
        await asyncio.to_thread(_gather, source, name, request.archive_package, packed)
        return await _send(http, packed, f"{name}.zip", request.storagesvc_url, sign)


def _gather(source: volume.Volume, name: str, pack: bool, target: pathlib.Path) -> None:
    if not source.exists(name):
        raise errors.NotFound(f"{name!r} does not exist in the shared directory")
    path = source.path / name
    try:
        if pack and path.is_dir() and not path.is_symlink():
            with target.open("wb") as file:
                archives.pack_zip(archives.files_below(path), file)
            return
    except base_errors.InvalidInput as error:
        raise errors.BadRequest(error.message) from error
    descriptor = source.open_file(name)
    with os.fdopen(descriptor, "rb") as opened:
        if not pack:
            _copy(opened.fileno(), target)
            return
        plain = target.with_name(name)
        _copy(opened.fileno(), plain)
    with target.open("wb") as file:
        archives.pack_zip({name: plain}, file)


def _copy(source: int, target: pathlib.Path) -> None:
    with target.open("wb") as file:
        while chunk := os.read(source, _CHUNK_BYTES):
            file.write(chunk)


async def _send(
    http: http_client.Client,
    packed: pathlib.Path,
    filename: str,
    storage_url: str,
    sign: SignUpload | None,
) -> wire.ArchiveUploadResponse:
    content_type, head, tail = storage.multipart(filename, f"fission-{ids.short_id(24)}")
    size, file_sum, body_sum = await asyncio.to_thread(_sums, packed, head, tail)

    async def body() -> AsyncIterator[bytes]:
        yield head
        with await asyncio.to_thread(packed.open, "rb") as file:
            while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
                yield chunk
        yield tail

    headers = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(head) + size + len(tail))),
        (storage.FILE_SIZE_HEADER, str(size)),
    ]
    if sign is not None:
        headers += sign("POST", storage.ARCHIVE, body_sum)
    try:
        response = await http.request(
            "POST",
            storage_url.rstrip("/") + storage.ARCHIVE,
            headers=headers,
            body=body(),
            timeout_seconds=TIMEOUT_SECONDS,
        )
        answer = await response.read(64 * 1024)
    except http_errors.HttpError as error:
        raise errors.FetcherError(f"upload to storagesvc failed: {error}") from error
    if response.status != 200:
        text = answer.decode("utf-8", "replace")[:500]
        raise errors.FetcherError(f"upload to storagesvc failed: {response.status} {text}")
    archive_id = storage.decode_upload(answer).id
    return wire.ArchiveUploadResponse(
        archive_download_url=storage.archive_url(storage_url, archive_id),
        checksum=package_types.Checksum(type=package_types.SHA256, sum=file_sum),
    )


def _sums(packed: pathlib.Path, head: bytes, tail: bytes) -> tuple[int, str, str]:
    size = 0
    file_sum = hashlib.sha256()
    body_sum = hashlib.sha256(head)
    with packed.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            size += len(chunk)
            file_sum.update(chunk)
            body_sum.update(chunk)
    body_sum.update(tail)
    return size, file_sum.hexdigest(), body_sum.hexdigest()
