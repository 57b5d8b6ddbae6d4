"""Archives in a bucket of any server that speaks S3.

An archive arrives in a spool file, where it is hashed and checked, and leaves for the bucket in one
``PutObject``: the server shows it complete or not at all, and, unlike a multipart upload, nothing
stays behind in the bucket when either side dies on the way. ``Content-MD5`` makes the server check
what it got; the SHA-256 is kept as the object's file name (``Content-Disposition``). The spool file
has no name, so the system takes it back when the process ends, however it ends.

Requests are signed and answers read by ``obstore``, which also finds credentials where none are
set (a web identity, an instance's role). It can neither stream a single put nor create a bucket,
so those two use URLs that it signs. One PutObject takes at most 5 GiB. Import this module only
where S3 is asked for: ``obstore`` is an extra.
"""

from __future__ import annotations

import asyncio
import base64
import builtins
import datetime
import hashlib
import re
import ssl
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Final
from urllib import parse

import obstore
from obstore import exceptions, store

from fission.base import backoff, ids
from fission.storagesvc import names, objectstore
from fission_http import client as http_client
from fission_http import errors as http_errors

CHUNK_BYTES: Final = 1 << 20
SPOOL_IN_MEMORY_BYTES: Final = 1 << 20
"""Smaller archives never touch the disk here."""
MAX_OBJECT_MIB: Final = 5 * 1024
"""What one PutObject takes: S3's own limit."""
URL_LIFETIME: Final = datetime.timedelta(minutes=15)
ATTEMPTS: Final = 4
"""Of one put: three seconds of pauses together, what a server's restart or a fail-over takes."""
SLOWEST_BYTES_PER_SECOND: Final = 1 << 20
RETRY: Final[Any] = {
    "max_retries": 4,
    "retry_timeout": datetime.timedelta(seconds=15),
    "backoff": {
        "init_backoff": datetime.timedelta(milliseconds=100),
        "max_backoff": datetime.timedelta(seconds=2),
        "base": 2,
    },
}
_CODE = re.compile(rb"<Code>([^<]{1,80})</Code>(?:.*?<Message>([^<]{1,300})</Message>)?", re.DOTALL)
_SUM = re.compile(r'filename="([0-9a-f]{64})"')
_EXISTS = ("BucketAlreadyOwnedByYou", "BucketAlreadyExists")
_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True)
class Bucket:
    """Where the bucket is and who we are there; empty means what S3's own clients would take."""

    name: str
    subdir: str
    endpoint: str = ""
    region: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""


class S3Store:
    """An ObjectStore in one bucket; ids are keys."""

    kind = "s3"

    def __init__(
        self,
        bucket: Bucket,
        http: http_client.Client,
        *,
        spool_dir: str | None = None,
        new_name: Callable[[], str] = ids.new_uid,
    ) -> None:
        self.bucket = bucket.name
        self._where = bucket
        self._http = http
        self._spool_dir = spool_dir
        self._new_name = new_name
        self._names = names.Names(f"{bucket.subdir}/")
        self._store = _open(bucket)
        self._tls = ssl.create_default_context()

    async def prepare(self) -> None:
        status, answer = await self._call_bucket("HEAD", b"")
        if status == 200:
            return
        if status != 404:
            raise self._refused("cannot be used", status, answer)
        status, answer = await self._call_bucket("PUT", _location(self._where))
        if status != 200 and _code_of(answer) not in _EXISTS:
            raise self._refused("does not exist and cannot be created", status, answer)

    async def sweep(self) -> int:
        return 0

    async def upload(self, tenant: str = "") -> objectstore.Upload:
        archive_id = self._names.make(self._new_name(), tenant)
        # Not a context manager: the upload closes it when it is published or discarded.
        spool = tempfile.SpooledTemporaryFile(  # noqa: SIM115
            SPOOL_IN_MEMORY_BYTES, dir=self._spool_dir
        )
        return _S3Upload(self, spool, archive_id)

    async def download(self, archive_id: str) -> objectstore.Download:
        self._names.split(archive_id)
        with _translated(archive_id):
            return _S3Download(archive_id, await obstore.get_async(self._store, archive_id))

    async def info(self, archive_id: str) -> objectstore.ArchiveInfo:
        self._names.split(archive_id)
        with _translated(archive_id):
            return _info(await obstore.head_async(self._store, archive_id))

    async def list(self) -> builtins.list[objectstore.ArchiveInfo]:
        found: builtins.list[objectstore.ArchiveInfo] = []
        with _translated():
            async for batch in obstore.list(self._store, self._where.subdir):
                found += [_info(meta) for meta in batch if self._names.is_id(meta["path"])]
        return sorted(found, key=lambda info: info.id)

    async def delete(self, archive_id: str) -> objectstore.ArchiveInfo:
        found = await self.info(archive_id)  # S3 deletes what is not there, too
        with _translated(archive_id):
            await obstore.delete_async(self._store, archive_id)
        return found

    def tenant_of(self, archive_id: str) -> str:
        return self._names.split(archive_id)[0]

    async def put(
        self, archive_id: str, size: int, md5: bytes, sha256: str, file: IO[bytes]
    ) -> None:
        """Send a file as one object; a server that is briefly away is asked again."""
        headers = [
            ("Content-Length", str(size)),
            ("Content-Type", "application/octet-stream"),
            ("Content-MD5", base64.b64encode(md5).decode()),
            ("Content-Disposition", f'attachment; filename="{sha256}"'),
        ]
        pauses = backoff.delays(0.2, cap_seconds=2.0)
        for attempt in range(1, ATTEMPTS + 1):
            timeout = 60 + size / SLOWEST_BYTES_PER_SECOND
            try:
                status, answer = await self._call("PUT", archive_id, headers, _read(file), timeout)
            except objectstore.StorageUnavailable:
                if attempt == ATTEMPTS:
                    raise
            else:
                if status == 200:
                    return
                again = status in _TRY_AGAIN or _code_of(answer) == "BadDigest"
                if attempt == ATTEMPTS or not again:
                    raise self._refused("did not take the archive", status, answer)
            await asyncio.sleep(next(pauses))

    async def _call_bucket(self, method: str, body: bytes) -> tuple[int, bytes]:
        headers = [("Content-Length", str(len(body)))] if method == "PUT" else []
        return await self._call(method, "", headers, body, 30.0)

    async def _call(
        self,
        method: Any,
        key: str,
        headers: builtins.list[tuple[str, str]],
        body: bytes | AsyncIterator[bytes],
        timeout_seconds: float,
    ) -> tuple[int, bytes]:
        """Status and the beginning of an answer of the server."""
        with _translated(key):
            url = await obstore.sign_async(self._store, method, key, URL_LIFETIME)
        try:
            response = await self._http.request(
                method,
                url,
                headers,
                body,
                timeout_seconds=timeout_seconds,
                ssl_context=self._tls,
                replay=False,
            )
            async with response:
                return response.status, await response.read(64 * 1024)
        except http_errors.HttpError as error:
            raise objectstore.StorageUnavailable(
                f"S3 at {parse.urlsplit(url).netloc}: {error}"
            ) from error

    def _refused(self, what: str, status: int, answer: bytes) -> objectstore.StorageUnavailable:
        found = _CODE.search(answer)
        said = b": ".join(part for part in found.groups() if part).decode() if found else ""
        place = self._where.endpoint or "AWS"
        hint = ""
        if status in (401, 403):
            hint = "; check STORAGE_S3_ACCESS_KEY_ID, STORAGE_S3_SECRET_ACCESS_KEY and their rights"
        elif status in (301, 307, 400):
            hint = "; check STORAGE_S3_REGION and STORAGE_S3_ENDPOINT"
        return objectstore.StorageUnavailable(
            f"bucket {self.bucket!r} at {place} {what}: {status} {said}".rstrip() + hint
        )


class _S3Upload:
    def __init__(self, owner: S3Store, spool: IO[bytes], archive_id: str) -> None:
        self._owner = owner
        self._spool = spool
        self._id = archive_id
        self._buffer = bytearray()
        self._size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)

    async def write(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= CHUNK_BYTES:
            await self._flush()

    async def publish(self, sha256: str) -> str:
        await self._flush()
        await self._owner.put(self._id, self._size, self._md5.digest(), sha256, self._spool)
        self._spool.close()
        return self._id

    async def discard(self) -> None:
        self._spool.close()

    async def _flush(self) -> None:
        data, self._buffer = self._buffer, bytearray()
        self._size += len(data)
        try:
            await asyncio.to_thread(self._take, data)
        except OSError as error:
            raise objectstore.StorageFull(
                f"the archive cannot be spooled before it goes to S3: {error.strerror}"
            ) from error

    def _take(self, data: bytearray) -> None:
        self._md5.update(data)
        self._spool.write(data)


class _S3Download:
    def __init__(self, archive_id: str, found: obstore.GetResult) -> None:
        self._id = archive_id
        self._found: obstore.GetResult | None = found
        self._size_bytes: int = found.meta["size"]
        kept = _SUM.search(str(found.attributes.get("Content-Disposition", "")))
        self._sha256 = kept[1] if kept else ""

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    @property
    def sha256(self) -> str:
        return self._sha256

    async def chunks(self) -> AsyncIterator[bytes]:
        found, self._found = self._found, None
        if found is None:
            return
        with _translated(self._id):
            async for chunk in found.stream(CHUNK_BYTES):
                yield bytes(chunk)

    async def aclose(self) -> None:
        self._found = None


def _open(bucket: Bucket) -> store.S3Store:
    config: dict[str, Any] = {
        "region": bucket.region or "us-east-1",
        # A bucket's name in the host needs names of hosts, which only AWS is sure to have.
        "virtual_hosted_style_request": not bucket.endpoint,
    }
    if bucket.endpoint:
        config["endpoint"] = bucket.endpoint.rstrip("/")
    if bucket.access_key_id:
        config["access_key_id"] = bucket.access_key_id
        config["secret_access_key"] = bucket.secret_access_key
    return store.S3Store(
        bucket.name,
        client_options={
            "allow_http": bucket.endpoint.startswith("http://"),
            "connect_timeout": datetime.timedelta(seconds=5),
            "timeout": datetime.timedelta(minutes=15),
        },
        retry_config=RETRY,
        **config,
    )


async def _read(file: IO[bytes]) -> AsyncIterator[bytes]:
    await asyncio.to_thread(file.seek, 0)
    while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
        yield chunk


def _info(meta: obstore.ObjectMeta) -> objectstore.ArchiveInfo:
    return objectstore.ArchiveInfo(meta["path"], meta["size"], meta["last_modified"])


def _location(bucket: Bucket) -> bytes:
    """The body of CreateBucket: AWS wants to be told the region, except of its first one."""
    if bucket.endpoint or bucket.region in ("", "us-east-1"):
        return b""
    return (
        '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<LocationConstraint>{bucket.region}</LocationConstraint></CreateBucketConfiguration>"
    ).encode()


def _code_of(answer: bytes) -> str:
    found = _CODE.search(answer)
    return found[1].decode() if found else ""


@contextmanager
def _translated(archive_id: str = "") -> Iterator[None]:
    try:
        yield
    except (exceptions.NotFoundError, FileNotFoundError) as error:
        raise objectstore.unknown(archive_id) from error
    except (exceptions.BaseError, OSError) as error:
        # The text goes on for pages with what the library was doing.
        said = " ".join(str(error).split("Debug source", 1)[0].split())[:500]
        raise objectstore.StorageUnavailable(said) from error
