"""What a builder made goes to storagesvc."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
import json
import os
import zipfile
from pathlib import Path

from fission_http import server
from tests.integration.fetcher import support
from tests.support import waiting


def stored() -> support.Host:
    return support.Host(lambda _: server.Response(200, body=b'{"id": "/fission/x/1"}'))


def uploaded_file(storage: support.Host) -> bytes:
    body = storage.bodies[0]
    size = int(storage.requests[0].headers["x-file-size"])
    start = body.index(b"\r\n\r\n") + 4
    return body[start : start + size]


async def test_a_folder_is_packed_and_its_sum_reported(tmp_path: Path) -> None:
    storage = stored()
    async with support.fetcher(tmp_path) as pod, storage.running():
        built = pod.userfunc / "built"
        (built / "pkg").mkdir(parents=True)
        (built / "pkg" / "a.py").write_text("A = 1\n")
        request = {"filename": "built", "storagesvcurl": storage.url, "archivepackage": True}
        status, text = await pod.post("/upload", request)
        assert status == 200
        content = uploaded_file(storage)
        assert zipfile.ZipFile(io.BytesIO(content)).read("pkg/a.py") == b"A = 1\n"
        answer = json.loads(text)
        assert answer["archiveDownloadUrl"] == (f"{storage.url}/v1/archive?id=%2Ffission%2Fx%2F1")
        assert answer["checksum"] == {
            "type": "sha256",
            "sum": hashlib.sha256(content).hexdigest(),
        }


async def test_a_file_is_sent_as_it_is_when_archives_are_kept(tmp_path: Path) -> None:
    storage = stored()
    async with support.fetcher(tmp_path) as pod, storage.running():
        (pod.userfunc / "app.jar").write_bytes(b"jar")
        request = {"filename": "app.jar", "storagesvcurl": storage.url, "archivepackage": False}
        assert (await pod.post("/upload", request))[0] == 200
        assert uploaded_file(storage) == b"jar"


async def test_a_link_out_of_the_artifact_is_refused(tmp_path: Path) -> None:
    storage = stored()
    (tmp_path / "secret").write_text("secret")
    async with support.fetcher(tmp_path) as pod, storage.running():
        (pod.userfunc / "built").mkdir()
        os.symlink(tmp_path / "secret", pod.userfunc / "built" / "a.py")
        os.symlink(tmp_path / "secret", pod.userfunc / "artifact")
        for name in ("built", "artifact"):
            request = {"filename": name, "storagesvcurl": storage.url, "archivepackage": True}
            assert (await pod.post("/upload", request))[0] == 400
        request = {"filename": "gone", "storagesvcurl": storage.url, "archivepackage": True}
        assert (await pod.post("/upload", request))[0] == 404
        assert storage.requests == []


async def test_equal_artifacts_are_equal_archives(tmp_path: Path) -> None:
    storage = stored()
    async with support.fetcher(tmp_path) as pod, storage.running():
        for name, order in (("one", ("b.py", "a.py")), ("two", ("a.py", "b.py"))):
            (pod.userfunc / name).mkdir()
            for file in order:
                (pod.userfunc / name / file).write_text(file)
            request = {"filename": name, "storagesvcurl": storage.url, "archivepackage": True}
            assert (await pod.post("/upload", request))[0] == 200
        sums = [request.headers["x-file-sha256"] for request in storage.requests]
        assert sums[0] == sums[1] == hashlib.sha256(uploaded_file(storage)).hexdigest()


async def test_storagesvc_that_is_away_is_asked_again(tmp_path: Path) -> None:
    answers = [503, 500, 200]

    def answer(_: server.Request) -> server.Response:
        return server.Response(answers.pop(0), body=b'{"id": "/fission/x/1"}')

    async with support.fetcher(tmp_path) as pod, support.Host(answer).running() as storage:
        (pod.userfunc / "app.jar").write_bytes(b"jar")
        request = {"filename": "app.jar", "storagesvcurl": storage.url}
        assert (await pod.post("/upload", request))[0] == 200
        assert len(storage.requests) == 3


async def test_what_storagesvc_refuses_is_not_sent_again(tmp_path: Path) -> None:
    host = support.Host(lambda _: server.Response(413, body=b"too large"))
    async with support.fetcher(tmp_path) as pod, host.running():
        (pod.userfunc / "app.jar").write_bytes(b"jar")
        status, text = await pod.post("/upload", {"filename": "app.jar", "storagesvcurl": host.url})
        assert (status, text) == (400, "upload to storagesvc failed: 413 too large")
        assert len(host.requests) == 1


async def test_what_cannot_be_sent_is_said(tmp_path: Path) -> None:
    async with support.fetcher(tmp_path) as pod:
        (pod.userfunc / "built").mkdir()
        status, text = await pod.post("/upload", {"filename": "built", "storagesvcurl": "http://x"})
        assert (status, text.startswith("'built' is a folder, which cannot be sent")) == (400, True)
        status, text = await pod.post("/upload", {"filename": "a/b", "storagesvcurl": "http://x"})
        assert (status, text) == (400, "filename: 'a/b' must be a name, not a path")
        status, text = await pod.post("/upload", {"filename": "built"})
        assert (status, text) == (400, "storagesvcurl must be given")


async def test_what_only_looks_small_is_refused(tmp_path: Path) -> None:
    async with support.fetcher(tmp_path) as pod:
        with (pod.userfunc / "hole").open("wb") as file:
            file.truncate(1 << 40)
        for pack in (True, False):
            request = {"filename": "hole", "storagesvcurl": "http://x", "archivepackage": pack}
            status, text = await pod.post("/upload", request)
            assert (status, text) == (
                400,
                "there are more than the 2147483648 bytes that are packed",
            )


def is_open(path: Path) -> bool:
    """Whether this process, which is the fetcher, reads a file."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if descriptor.readlink() == path:
                return True
    return False


async def test_an_artifact_that_is_removed_meanwhile_is_not_sent_in_part(tmp_path: Path) -> None:
    storage = stored()
    async with support.fetcher(tmp_path) as pod, storage.running():
        built = pod.userfunc / "built"
        built.mkdir()
        big = built / "big"
        with big.open("wb") as file:
            file.truncate(2 << 30)  # sparse; as long as it takes
        (built / "main.py").touch()
        request = {"filename": "built", "storagesvcurl": storage.url, "archivepackage": True}
        sending = asyncio.ensure_future(pod.post("/upload", request))
        await waiting.until(lambda: is_open(big))
        built.rename(pod.userfunc / ".gone-1")
        os.truncate(pod.userfunc / ".gone-1" / "big", 0)

        assert await sending == (404, "'built' was removed while it was packed")
        assert storage.requests == []
