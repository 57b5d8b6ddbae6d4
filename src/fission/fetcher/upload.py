"""Takes what a builder made to storagesvc: packed reproducibly, hashed, sent as one signed form.

Storagesvc may be restarting: while it refuses, breaks off or answers 5xx it is asked again, for
half a minute. The sum is sent along, so that what is damaged on the way is not stored.
"""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import hashlib
import os
import pathlib
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Final

from fission.api import package_types
from fission.base import backoff, ids, packing
from fission.base import errors as base_errors
from fission.contracts import fetcher as wire
from fission.contracts import storage
from fission.fetcher import errors, volume
from fission_http import client as http_client
from fission_http import errors as http_errors

TIMEOUT_SECONDS: Final = 300.0
PATIENCE_SECONDS: Final = 30.0
"""How long storagesvc is waited for: longer than a restart, shorter than a build's deadline."""
_CHUNK_BYTES: Final = 1 << 20

SignUpload = Callable[[str, str, str], list[tuple[str, str]]]
"""Returns the headers that sign a request, from method, request URI and the body's SHA-256."""


class _TryAgain(errors.FetcherError):
    """Storagesvc is briefly away."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Packed:
    """A file as it is sent."""

    path: pathlib.Path
    head: bytes
    tail: bytes
    content_type: str
    size: int
    file_sum: str
    body_sum: str


async def upload(
    http: http_client.Client,
    source: volume.Volume,
    request: wire.ArchiveUploadRequest,
    sign: SignUpload | None,
    work_dir: pathlib.Path | None = None,
) -> wire.ArchiveUploadResponse:
    """Send ``request.filename`` and return where it is and what it hashes to."""
    name = volume.checked_name(request.filename)
    if not request.storagesvc_url:
        raise errors.BadRequest("storagesvcurl must be given")
    with tempfile.TemporaryDirectory(prefix="upload-", dir=work_dir) as folder:
        path = pathlib.Path(folder) / "archive"
        await asyncio.to_thread(_gather, source, name, request.archive_package, path)
        content_type, head, tail = storage.multipart(f"{name}.zip", f"fission-{ids.short_id(24)}")
        sums = await asyncio.to_thread(_sums, path, head, tail)
        packed = _Packed(path, head, tail, content_type, *sums)
        archive_id = await _deliver(http, packed, request.storagesvc_url, sign)
    return wire.ArchiveUploadResponse(
        archive_download_url=storage.archive_url(request.storagesvc_url, archive_id),
        checksum=package_types.Checksum(type=package_types.SHA256, sum=packed.file_sum),
    )


def _gather(source: volume.Volume, name: str, pack: bool, target: pathlib.Path) -> None:
    """Write what is sent; raises when it was removed meanwhile, since it may lack anything then.

    Who removes a tree takes its name away first: one that has it still was whole until now.
    """
    before = source.identity(name)
    if before is None:
        raise errors.NotFound(f"{name!r} does not exist in the shared directory")
    fault = None
    try:
        _write(source, name, pack, target)
    except errors.BadRequest as error:
        fault = error
    if source.identity(name) != before:
        raise errors.NotFound(f"{name!r} was removed while it was packed") from fault
    if fault is not None:
        raise fault


def _write(source: volume.Volume, name: str, pack: bool, target: pathlib.Path) -> None:
    path = source.path / name
    try:
        if path.is_dir() and not path.is_symlink():
            if not pack:
                raise errors.BadRequest(
                    f"{name!r} is a folder, which cannot be sent as it is: the environment keeps"
                    " archives (keeparchive), so its build must end in one file"
                )
            with target.open("wb") as file:
                packing.pack_folder(path, file)
            return
        with os.fdopen(source.open_file(name), "rb") as opened, target.open("wb") as file:
            if pack:
                packing.pack_file(name, opened, file)
            else:
                packing.copy_file(opened, file)
    except base_errors.InvalidInput as error:
        raise errors.BadRequest(error.message) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise errors.NoSpace(f"no space is left to pack {name!r}") from error
        if isinstance(error, PermissionError):
            raise errors.BadRequest(
                f"{name!r} cannot be read: the build must leave its files readable ({error})"
            ) from error
        raise


async def _deliver(
    http: http_client.Client, packed: _Packed, storage_url: str, sign: SignUpload | None
) -> str:
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + PATIENCE_SECONDS
    for pause in backoff.delays(0.1, cap_seconds=3.0):
        try:
            return await _send(http, packed, storage_url, sign)
        except _TryAgain as error:
            if loop.time() + pause > give_up_at:
                raise errors.FetcherError(error.message) from error
        await asyncio.sleep(pause)
    raise AssertionError("delays never end")


async def _send(
    http: http_client.Client, packed: _Packed, storage_url: str, sign: SignUpload | None
) -> str:
    """One try; returns the archive's id."""
    headers = [
        ("Content-Type", packed.content_type),
        ("Content-Length", str(len(packed.head) + packed.size + len(packed.tail))),
        (storage.FILE_SIZE_HEADER, str(packed.size)),
        (storage.FILE_SHA256_HEADER, packed.file_sum),
    ]
    if sign is not None:
        headers += sign("POST", storage.ARCHIVE, packed.body_sum)
    try:
        response = await http.request(
            "POST",
            storage_url.rstrip("/") + storage.ARCHIVE,
            headers=headers,
            body=_body(packed),
            timeout_seconds=TIMEOUT_SECONDS,
        )
        answer = await response.read(64 * 1024)
    except http_errors.HttpError as error:
        raise _TryAgain(f"upload to storagesvc failed: {error}") from error
    if response.status != 200:
        text = answer.decode("utf-8", "replace")[:500]
        message = f"upload to storagesvc failed: {response.status} {text}"
        if response.status >= 500:
            raise _TryAgain(message)
        # Too large is the artifact's fault; to be refused for who we are is not.
        raise (errors.BadRequest if response.status in (400, 413) else errors.FetcherError)(message)
    return storage.decode_upload(answer).id


async def _body(packed: _Packed) -> AsyncIterator[bytes]:
    yield packed.head
    with await asyncio.to_thread(packed.path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk
    yield packed.tail


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
