"""SIGKILL in the middle: nothing half is seen, nothing is left over, trying again works."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from fission.contracts import storage as wire
from fission_http import client as http_client
from fission_http import errors as http_errors
from tests.support import component, s3server, waiting

CONTENT = random.Random(2).randbytes(6 << 20)
TREE = {f"pkg/d{number % 7}/f{number}.py": b"x = %d\n" % number for number in range(600)}


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


async def call(method: str, url: str, body: bytes = b"") -> tuple[int, bytes]:
    async with http_client.Client() as http:
        response = await http.request(method, url, body=body)
        return response.status, await response.read(1 << 26)


async def store(url: str) -> str:
    async with http_client.Client() as http:
        content_type, head, tail = wire.multipart("a.zip", "boundary")
        headers = [("Content-Type", content_type), (wire.FILE_SIZE_HEADER, str(len(CONTENT)))]
        body = head + CONTENT + tail
        response = await http.request("POST", url + wire.ARCHIVE, headers, body)
        assert response.status == 200
        return wire.decode_upload(await response.read()).id


async def check(storage: component.Component, told: list[str]) -> None:
    """Every archive that anybody was told of is there, and every one that is there is whole."""
    _, listed = await call("GET", storage.url + wire.ARCHIVE)
    ids = json.loads(listed)
    assert set(told) <= set(ids)
    for each in ids:
        status, content = await call("GET", wire.archive_url(storage.url, each))
        assert (status, hashlib.sha256(content).digest()) == (200, hashlib.sha256(CONTENT).digest())


async def kill_during_uploads(storage: component.Component, rounds: int) -> list[str]:
    """Kill it at ever later moments of an upload; returns the ids that clients were told."""
    told = [await store(storage.url)]
    address = storage.url.removeprefix("http://").split(":")
    content_type, head, tail = wire.multipart("a.zip", "boundary")
    body = head + CONTENT + tail
    for number in range(rounds):
        sent = len(body) * (number + 1) // rounds
        _, writer = await asyncio.open_connection(address[0], int(address[1]))
        with contextlib.suppress(ConnectionError):
            writer.write(
                f"POST /v1/archive HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
                f"X-File-Size: {len(CONTENT)}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body[:sent]
            )
            await writer.drain()
        storage.kill()
        writer.close()
        storage.start()
        await check(storage, told)
        told.append(await store(storage.url))
    return told


async def test_storagesvc_killed_within_uploads(tmp_path: Path) -> None:
    with component.storagesvc(tmp_path) as storage:
        told = await kill_during_uploads(storage, 4)
        await check(storage, told)
        root = tmp_path / "archives" / "fission-functions"
        assert names(root / ".uploads") == []
        assert len(names(root / ".sums")) == len(names(root)) - 2


async def test_storagesvc_killed_within_uploads_to_s3(tmp_path: Path) -> None:
    if not s3server.is_available():
        pytest.skip(s3server.MISSING)
    with s3server.running(tmp_path / "s3") as server:
        settings = {
            "STORAGE_TYPE": "s3",
            "STORAGE_S3_ENDPOINT": server.endpoint,
            "STORAGE_S3_BUCKET_NAME": "fission",
            "STORAGE_S3_ACCESS_KEY_ID": server.access_key,
            "STORAGE_S3_SECRET_ACCESS_KEY": server.secret_key,
            "STORAGE_SPOOL_PATH": str(tmp_path / "spool"),
        }
        (tmp_path / "spool").mkdir()
        with component.storagesvc(tmp_path, **settings) as storage:
            told = await kill_during_uploads(storage, 2)
            await check(storage, told)
            assert names(tmp_path / "spool") == []


def tree_zip() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in TREE.items():
            archive.writestr(name, content)
    return sink.getvalue()


def is_whole(folder: Path) -> bool:
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    return found == TREE


PACKED = base64.b64encode(tree_zip()).decode()


async def fetch(url: str, name: str) -> int:
    body: dict[str, Any] = {"fetchType": 1, "filename": name, "archive": {"literal": PACKED}}
    return (await call("POST", f"{url}/fetch", json.dumps(body).encode()))[0]


async def test_fetcher_killed_within_fetches(tmp_path: Path) -> None:
    shared, cache = tmp_path / "shared", tmp_path / "cache"
    with component.fetcher(tmp_path) as fetcher:
        for number in range(4):
            # Odd rounds are killed while they copy from the cache, even ones while they unpack.
            name = f"code-{number}"
            if number % 2 == 0:
                fetcher.kill()
                for entry in names(cache):
                    shutil.rmtree(cache / entry)
                fetcher.start()
            asking = asyncio.ensure_future(fetch(fetcher.url, name))
            watched, prefix = (shared, ".fetching-") if number % 2 else (cache, ".work-")
            await waiting.until(
                lambda watched=watched, prefix=prefix, asking=asking: (  # type: ignore[misc]
                    asking.done() or any(each.startswith(prefix) for each in names(watched))
                )
            )
            fetcher.kill()
            with contextlib.suppress(http_errors.HttpError):
                await asking
            for each in names(shared):
                assert each.startswith(".fetching-") or is_whole(shared / each)
            fetcher.start()
            await waiting.until(lambda: not [n for n in names(shared) if n.startswith(".")])
            assert await fetch(fetcher.url, name) == 200
            assert is_whole(shared / name)
        assert [each for each in names(cache) if each.startswith(".")] == []
