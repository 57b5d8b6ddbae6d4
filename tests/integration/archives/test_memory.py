"""A large archive passes through real processes in little memory.

The benchmark `archive-memory` weighs 200 MB; these are smaller, and the bound is below their size.
"""

from __future__ import annotations

import hashlib
import json
import random
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fission.contracts import storage as wire
from fission_http import client as http_client
from tests.support import component, s3server

ARCHIVE_BYTES = 32_000_000
FILES = 400
MAX_EXTRA_KIB = 20 * 1024


def make_archive(path: Path) -> Path:
    draw = random.Random(1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number in range(FILES):
            archive.writestr(f"d{number % 9}/f{number}", draw.randbytes(ARCHIVE_BYTES // FILES))
    return path


def read(path: Path) -> bytes:
    return path.read_bytes()


async def extra_kib(process: component.Component, step: Callable[[], Awaitable[Any]]) -> int:
    before = process.resident_kib()
    process.forget_peak()
    await step()
    return process.resident_kib("VmHWM") - before


async def upload(http: http_client.Client, url: str, content: bytes) -> str:
    content_type, head, tail = wire.multipart("a.zip", "boundary")

    async def body() -> AsyncIterator[bytes]:
        yield head
        for at in range(0, len(content), 1 << 20):
            yield content[at : at + (1 << 20)]
        yield tail

    headers = [("Content-Type", content_type), (wire.FILE_SIZE_HEADER, str(len(content)))]
    response = await http.request("POST", url + wire.ARCHIVE, headers, body())
    answer = await response.read()
    assert response.status == 200, answer
    return wire.decode_upload(answer).id


async def download(http: http_client.Client, url: str, content: bytes) -> None:
    response = await http.request("GET", url)
    digest = hashlib.sha256()
    async for chunk in response.iter_bytes():
        digest.update(chunk)
    assert digest.digest() == hashlib.sha256(content).digest()


async def post(http: http_client.Client, url: str, **body: Any) -> Any:
    response = await http.request("POST", url, body=json.dumps(body).encode())
    answer = await response.read()
    assert response.status == 200, answer
    return json.loads(answer) if answer else None


async def check_storagesvc(storage: component.Component, content: bytes) -> str:
    async with http_client.Client() as http:
        ids: list[str] = []

        async def store() -> None:
            ids.append(await upload(http, storage.url, content))

        assert await extra_kib(storage, store) < MAX_EXTRA_KIB
        url = wire.archive_url(storage.url, ids[0])
        assert await extra_kib(storage, lambda: download(http, url, content)) < MAX_EXTRA_KIB
    return url


async def test_through_storagesvc_and_fetcher(tmp_path: Path) -> None:
    content = read(make_archive(tmp_path / "source.zip"))
    with component.storagesvc(tmp_path) as storage, component.fetcher(tmp_path) as fetcher:
        url = await check_storagesvc(storage, content)
        async with http_client.Client() as http:

            async def fetch() -> None:
                archive = {"type": "url", "url": url}
                where = f"{fetcher.url}/fetch"
                await post(http, where, filename="code", archive=archive, storagesvcurl=storage.url)

            async def send() -> None:
                where = f"{fetcher.url}/upload"
                await post(
                    http, where, filename="code", storagesvcurl=storage.url, archivepackage=True
                )

            assert await extra_kib(fetcher, fetch) < MAX_EXTRA_KIB
            assert await extra_kib(fetcher, send) < MAX_EXTRA_KIB


async def test_through_storagesvc_and_s3(tmp_path: Path) -> None:
    if not s3server.is_available():
        pytest.skip(s3server.MISSING)
    content = read(make_archive(tmp_path / "source.zip"))
    with s3server.running(tmp_path / "s3") as server:
        settings = {
            "STORAGE_TYPE": "s3",
            "STORAGE_S3_ENDPOINT": server.endpoint,
            "STORAGE_S3_BUCKET_NAME": "fission",
            "STORAGE_S3_ACCESS_KEY_ID": server.access_key,
            "STORAGE_S3_SECRET_ACCESS_KEY": server.secret_key,
        }
        with component.storagesvc(tmp_path, **settings) as storage:
            await check_storagesvc(storage, content)
