"""Storagesvc over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib import parse

from fission.base import clock as clocks
from fission.contracts import signing
from fission.contracts import storage as wire
from fission.storagesvc import app, config, local
from fission.web import listen
from fission_http import client as http_client

MASTER = b"0123456789abcdef0123456789abcdef"


@dataclass
class Fixture:
    http: http_client.Client
    url: str
    folder: Path
    masters: signing.Masters
    app: app.App

    async def call(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: list[tuple[str, str]] | None = None,
        namespace: str = "",
    ) -> tuple[int, bytes]:
        headers = list(headers or ())
        if self.masters.enabled:
            key = self.masters.keys(signing.STORAGESVC, namespace).current
            assert key is not None
            now = clocks.SystemClock().now().timestamp()
            headers += signing.headers(key, method, target, body, now, namespace)
        response = await self.http.request(method, self.url + target, headers, body)
        return response.status, await response.read(1 << 28)

    async def upload(
        self, content: bytes, namespace: str = "", **overrides: str
    ) -> tuple[int, dict[str, Any]]:
        content_type, head, tail = wire.multipart("a.zip", "boundary")
        headers = {
            "Content-Type": content_type,
            wire.FILE_SIZE_HEADER: str(len(content)),
        } | {name.replace("_", "-"): value for name, value in overrides.items()}
        given = [(name, value) for name, value in headers.items() if value]
        body = head + content + tail
        status, text = await self.call("POST", "/v1/archive", body, given, namespace)
        return status, json.loads(text) if text else {}

    def left_behind(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


@contextlib.asynccontextmanager
async def storagesvc(
    folder: Path, *, masters: signing.Masters | None = None, max_mib: int = 4
) -> AsyncIterator[Fixture]:
    masters = masters or signing.Masters()
    store = local.LocalStore(folder)
    store.prepare()
    built = app.build(
        config.Config(max_archive_size_mib=max_mib),
        app.Deps(store, None, masters, clocks.SystemClock()),
    )
    opened = listen.bind("127.0.0.1", 0)
    host, port = opened.getsockname()
    running = asyncio.ensure_future(built.run([opened]))
    try:
        async with http_client.Client() as http:
            yield Fixture(http, f"http://{host}:{port}", folder, masters, built)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def by_id(archive_id: str) -> str:
    return f"/v1/archive?id={parse.quote(archive_id, safe='')}"


async def test_an_archive_goes_in_comes_out_and_is_deleted(tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    async with storagesvc(tmp_path) as served:
        status, answer = await served.upload(content)
        assert status == 200
        assert answer["id"].startswith(wire.ID_PREFIX)
        assert await served.call("GET", by_id(answer["id"])) == (200, content)
        assert await served.call("GET", "/v1/archive") == (
            200,
            json.dumps([answer["id"]]).encode(),
        )
        assert (await served.call("DELETE", by_id(answer["id"])))[0] == 200
        assert (await served.call("GET", by_id(answer["id"])))[0] == 404
        assert (await served.call("DELETE", by_id(answer["id"])))[0] == 400
        assert served.left_behind() == []


async def test_a_head_request_says_where_archives_are_kept(tmp_path: Path) -> None:
    async with storagesvc(tmp_path) as served:
        _, answer = await served.upload(b"hello")
        response = await served.http.request("HEAD", served.url + by_id(answer["id"]))
        assert response.status == 200
        assert response.headers["x-fission-storagetype"] == "local"
        assert response.headers["x-fission-bucket"] == ""
        response = await served.http.request("HEAD", served.url + by_id("/etc/passwd"))
        assert response.status == 404


async def test_an_upload_must_say_its_size_and_keep_to_it(tmp_path: Path) -> None:
    async with storagesvc(tmp_path) as served:
        for size in ("", "-1", "many", "9", "11"):
            status, answer = await served.upload(b"0123456789", X_File_Size=size)
            assert (status, answer["kind"]) == (400, "Status")
            assert "X-File-Size" in answer["message"]
        assert served.left_behind() == []


async def test_an_archive_above_the_limit_is_refused(tmp_path: Path) -> None:
    async with storagesvc(tmp_path, max_mib=1) as served:
        status, answer = await served.upload(bytes((1 << 20) + 1))
        assert status == 413
        assert answer["message"] == "the archive has 1048577 bytes; at most 1048576 are taken"
        assert (await served.upload(bytes(1 << 20)))[0] == 200


async def test_a_sum_that_does_not_match_is_refused(tmp_path: Path) -> None:
    async with storagesvc(tmp_path) as served:
        right = hashlib.sha256(b"hello").hexdigest()
        assert (await served.upload(b"hello", X_File_Sha256=right))[0] == 200
        status, answer = await served.upload(b"hellO", X_File_Sha256=right)
        assert (status, "checksum mismatch" in answer["message"]) == (400, True)
        assert len(served.left_behind()) == 1


async def test_a_client_that_leaves_halfway_leaves_nothing(tmp_path: Path) -> None:
    async with storagesvc(tmp_path) as served:
        host, port = served.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        content_type, head, _ = wire.multipart("a.zip", "boundary")
        writer.write(
            f"POST /v1/archive HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
            "X-File-Size: 2000000\r\nContent-Length: 2000200\r\n\r\n".encode()
            + head
            + bytes(1 << 20)
        )
        await writer.drain()
        async with asyncio.timeout(5):
            while not served.left_behind():  # noqa: ASYNC110 - another task writes the file
                await asyncio.sleep(0.005)
            writer.close()
            while served.left_behind():  # noqa: ASYNC110 - another task removes it
                await asyncio.sleep(0.005)
        assert await served.call("GET", "/v1/archive") == (200, b"[]")


async def test_a_body_that_is_no_form_is_refused(tmp_path: Path) -> None:
    async with storagesvc(tmp_path) as served:
        status, answer = await served.upload(b"x", Content_Type="application/zip")
        assert (status, "multipart/form-data" in answer["message"]) == (400, True)
        _, head, tail = wire.multipart("a.zip", "boundary")
        body = head.replace(b"uploadfile", b"otherfile") + b"x" + tail
        headers = [
            ("Content-Type", "multipart/form-data; boundary=boundary"),
            ("X-File-Size", "1"),
        ]
        status, text = await served.call("POST", "/v1/archive", body, headers)
        assert (status, b"'uploadfile'" in text) == (400, True)
        assert served.left_behind() == []


async def test_unsigned_and_wrongly_signed_calls_are_refused(tmp_path: Path) -> None:
    async with storagesvc(tmp_path, masters=signing.Masters(MASTER)) as served:
        status, answer = await served.upload(b"hello")
        assert status == 200
        unsigned = await served.http.request("GET", served.url + by_id(answer["id"]))
        assert (unsigned.status, await unsigned.read()) == (401, b"")
        served.masters = signing.Masters(b"another secret")
        for method, target in (("GET", by_id(answer["id"])), ("DELETE", by_id(answer["id"]))):
            assert (await served.call(method, target))[0] == 401
        assert (await served.upload(b"hello"))[0] == 401
        assert len(served.left_behind()) == 1
        healthz = await served.http.request("GET", served.url + "/healthz")
        assert healthz.status == 200


async def test_a_namespace_sees_its_own_archives_and_those_of_nobody(tmp_path: Path) -> None:
    async with storagesvc(tmp_path, masters=signing.Masters(MASTER)) as served:
        _, ours = await served.upload(b"ours", "team-a")
        _, common = await served.upload(b"common")
        assert "/_tenant_/team-a/" in ours["id"]
        assert (await served.call("GET", by_id(ours["id"]), namespace="team-a"))[0] == 200
        assert (await served.call("GET", by_id(ours["id"]), namespace="team-b"))[0] == 404
        assert (await served.call("DELETE", by_id(ours["id"]), namespace="team-b"))[0] == 400
        assert (await served.call("GET", by_id(common["id"]), namespace="team-b"))[0] == 200
        _, listed = await served.call("GET", "/v1/archive", namespace="team-b")
        assert json.loads(listed) == [common["id"]]


async def test_a_restart_keeps_archives_and_removes_old_fragments(tmp_path: Path) -> None:
    async with storagesvc(tmp_path) as served:
        _, answer = await served.upload(b"hello")
    fragments = tmp_path / "fission-functions" / ".uploads"
    (fragments / "old").write_bytes(b"half")
    os.utime(fragments / "old", (0, 0))
    (fragments / "young").write_bytes(b"half")
    async with storagesvc(tmp_path) as served:
        assert await served.call("GET", by_id(answer["id"])) == (200, b"hello")
        assert [path.name for path in fragments.iterdir()] == ["young"]
