"""Memory and time that a 200 MB archive takes in storagesvc and in the fetcher.

Real processes, each with a directory of its own; the archive holds 2,000 files that do not
compress. Extra memory is the peak of resident memory during a step above what was resident before
it. The baseline of the same minute is `cp` of the archive. What others notice of it is the longest
fetch of a small function from the same fetcher while it unpacks.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import pathlib
import random
import shutil
import sys
import tempfile
import time
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from fission.contracts import storage as wire
from fission_http import client as http_client

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from tests.support import component, s3server

ARCHIVE_MB = 200
FILES = 2000
TARGET_MIB = 64
CHUNK_BYTES = 1 << 20


def run() -> dict[str, Any]:
    """Measure on a directory, and on S3 where a server is installed."""
    with tempfile.TemporaryDirectory(prefix="fission-bench-") as name:
        folder = pathlib.Path(name)
        packed = make_archive(folder / "source.zip")
        began = time.perf_counter()
        shutil.copyfile(packed, folder / "copy.zip")
        rows = [_row("baseline: cp", "", None, time.perf_counter() - began)]
        with component.storagesvc(folder) as storage:
            rows += asyncio.run(_measure(folder, packed, storage, "local"))
        if s3server.is_available():
            with s3server.running(folder / "s3") as server:
                settings = {
                    "STORAGE_TYPE": "s3",
                    "STORAGE_S3_ENDPOINT": server.endpoint,
                    "STORAGE_S3_BUCKET_NAME": "fission",
                    "STORAGE_S3_ACCESS_KEY_ID": server.access_key,
                    "STORAGE_S3_SECRET_ACCESS_KEY": server.secret_key,
                }
                with component.storagesvc(folder, **settings) as storage:
                    rows += asyncio.run(_measure_storage(packed, storage, "s3"))[0]
    worst = max(row["extra_mib"] for row in rows if row["extra_mib"] is not None)
    return {
        "title": f"an archive of {ARCHIVE_MB} MB",
        "rows": rows,
        "summary": f"at most {worst:.0f} MiB extra in a process (target {TARGET_MIB})",
    }


def make_archive(path: pathlib.Path) -> pathlib.Path:
    """Write a zip of files that do not compress."""
    draw = random.Random(1)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(FILES):
            content = draw.randbytes(ARCHIVE_MB * 1_000_000 // FILES)
            archive.writestr(f"pkg/part{number % 40}/f{number}.bin", content)
    return path


async def _measure(
    folder: pathlib.Path, packed: pathlib.Path, storage: component.Component, kind: str
) -> list[dict[str, Any]]:
    rows, archive_id = await _measure_storage(packed, storage, kind)
    with component.fetcher(folder) as fetcher:
        async with http_client.Client() as http:
            fetch = {
                "fetchType": 1,
                "filename": "code",
                "archive": {"type": "url", "url": wire.archive_url(storage.url, archive_id)},
                "storagesvcurl": storage.url,
            }
            pauses: list[float] = []

            async def fetch_large() -> None:
                small = asyncio.ensure_future(_fetch_small(http, fetcher.url, pauses))
                try:
                    await _post(http, f"{fetcher.url}/fetch", fetch)
                finally:
                    small.cancel()
                    await asyncio.gather(small, return_exceptions=True)

            rows.append(await _weighed("fetcher: download, unpack", kind, fetcher, fetch_large))
            upload = {"filename": "code", "storagesvcurl": storage.url, "archivepackage": True}
            rows.append(
                await _weighed(
                    "fetcher: pack, upload",
                    kind,
                    fetcher,
                    lambda: _post(http, f"{fetcher.url}/upload", upload),
                )
            )
    rows.append(_row(f"a small fetch meanwhile, longest of {len(pauses)}", kind, None, max(pauses)))
    return rows


async def _measure_storage(
    packed: pathlib.Path, storage: component.Component, kind: str
) -> tuple[list[dict[str, Any]], str]:
    ids: list[str] = []
    size = _size(packed)
    async with http_client.Client() as http:

        async def upload() -> None:
            ids.append(await _send(http, storage.url, packed, size))

        async def download() -> None:
            url = wire.archive_url(storage.url, ids[0])
            response = await http.request("GET", url, timeout_seconds=120)
            digest = hashlib.sha256()
            async for chunk in response.iter_bytes():
                digest.update(chunk)
            if digest.hexdigest() != response.headers[wire.FILE_SHA256_HEADER]:
                raise RuntimeError("what came back is not what was stored")

        rows = [
            await _weighed("storagesvc: upload", kind, storage, upload),
            await _weighed("storagesvc: download", kind, storage, download),
        ]
    return rows, ids[0]


def _size(path: pathlib.Path) -> int:
    return path.stat().st_size


async def _send(http: http_client.Client, url: str, packed: pathlib.Path, size: int) -> str:
    """Upload a file in pieces; returns its id."""
    content_type, head, tail = wire.multipart("a.zip", "boundary")

    async def body() -> AsyncIterator[bytes]:
        yield head
        with packed.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
        yield tail

    headers = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(head) + size + len(tail))),
        (wire.FILE_SIZE_HEADER, str(size)),
    ]
    response = await http.request("POST", url + wire.ARCHIVE, headers, body(), timeout_seconds=120)
    answer = await response.read()
    if response.status != 200:
        raise RuntimeError(f"upload: {response.status} {answer.decode()}")
    return wire.decode_upload(answer).id


async def _fetch_small(http: http_client.Client, url: str, taken: list[float]) -> None:
    literal = base64.b64encode(b"def main(): ...\n").decode()
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            name = f"small-{len(taken)}"
            fetch = {"fetchType": 1, "filename": name, "archive": {"literal": literal}}
            began = time.perf_counter()
            await _post(http, f"{url}/fetch", fetch)
            taken.append(time.perf_counter() - began)
            await asyncio.sleep(0.01)


async def _post(http: http_client.Client, url: str, body: dict[str, Any]) -> None:
    content = json.dumps(body).encode()
    response = await http.request("POST", url, body=content, timeout_seconds=300)
    answer = await response.read()
    if response.status != 200:
        raise RuntimeError(f"{url}: {response.status} {answer.decode()}")


async def _weighed(
    name: str, kind: str, process: component.Component, step: Callable[[], Awaitable[None]]
) -> dict[str, Any]:
    before = process.resident_kib()
    process.forget_peak()
    began = time.perf_counter()
    await step()
    seconds = time.perf_counter() - began
    return _row(name, kind, (process.resident_kib("VmHWM") - before) / 1024, seconds)


def _row(name: str, kind: str, extra_mib: float | None, seconds: float) -> dict[str, Any]:
    extra = None if extra_mib is None else round(extra_mib, 1)
    return {"name": name, "storage": kind, "extra_mib": extra, "seconds": round(seconds, 3)}
