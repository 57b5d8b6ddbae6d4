"""Storagesvc over HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fission.base import clock as clocks
from fission.contracts import signing
from fission.contracts import storage as wire
from fission_http import errors as http_errors
from tests.integration.storagesvc import support
from tests.integration.storagesvc.support import MASTER, by_id, storagesvc
from tests.support import waiting


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
        assert answer["message"] == (
            "the archive has 1048577 bytes; at most 1048576 are taken"
            " (STORAGE_MAX_ARCHIVE_SIZE_MIB)"
        )
        status, answer = await served.upload(bytes(3 << 20), X_File_Size="7")
        assert (status, answer["reason"]) == (413, "RequestEntityTooLarge")
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
        async with served.half_an_upload():
            assert len(served.left_behind()) == 1
            assert await served.call("GET", "/v1/archive") == (200, b"[]")
        await waiting.until(lambda: not served.left_behind())
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


async def test_an_upload_may_take_longer_than_a_signature_is_good_for(tmp_path: Path) -> None:
    clock = clocks.ManualClock()
    content_type, head, tail = wire.multipart("a.zip", "boundary")
    content = os.urandom(300_000)
    body = head + content + tail

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:100_000]
        await waiting.until(lambda: bool(served.left_behind()))
        clock.advance(10 * signing.MAX_SKEW_SECONDS)
        yield body[100_000:]

    masters = signing.Masters(MASTER)
    async with storagesvc(tmp_path, masters=masters, clock=clock) as served:
        key = masters.keys(signing.STORAGESVC).current
        assert key is not None
        digest, now = hashlib.sha256(body).hexdigest(), clock.now().timestamp()
        headers = [
            *signing.headers(key, "POST", wire.ARCHIVE, digest, now),
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            (wire.FILE_SIZE_HEADER, str(len(content))),
        ]
        url = served.url + wire.ARCHIVE
        answer = await served.http.request("POST", url, headers, slowly())
        assert (answer.status, b"id" in await answer.read()) == (200, True)

        late = [
            *headers[2:],
            *signing.headers(key, "POST", wire.ARCHIVE, digest, now),
        ]
        assert (await served.http.request("POST", url, late, body)).status == 401


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


async def test_a_restart_keeps_archives_and_removes_what_a_dead_process_left(
    tmp_path: Path,
) -> None:
    async with storagesvc(tmp_path) as served:
        _, answer = await served.upload(b"hello")
    root = tmp_path / "fission-functions"
    (root / ".uploads" / "half").write_bytes(b"half")
    (root / ".sums" / "0b8a6a0e-0000-4000-8000-000000000000").write_text("ab" * 32)
    async with storagesvc(tmp_path) as served:
        assert await served.call("GET", by_id(answer["id"])) == (200, b"hello")
        assert served.left_behind() == [served.stored(answer["id"])]
        assert len(list((root / ".sums").iterdir())) == 1
        assert served.app.metrics.swept == 1


async def test_another_servers_upload_is_not_swept(tmp_path: Path) -> None:
    async with (
        storagesvc(tmp_path) as served,
        served.half_an_upload(),
        storagesvc(tmp_path) as second,
    ):
        assert second.app.metrics.swept == 0
        assert len(served.left_behind()) == 1


async def test_a_damaged_archive_is_never_served_as_good(tmp_path: Path) -> None:
    async with storagesvc(tmp_path) as served:
        small, large = b"hello", os.urandom(3 << 20)
        ids = [(await served.upload(content))[1]["id"] for content in (small, large)]
        for each in ids:
            with served.stored(each).open("r+b") as file:
                file.seek(3)
                file.write(b"\0")
        status, text = await served.call("GET", by_id(ids[0]))
        assert status == 500
        assert b"the archive is damaged: its sha256 is" in text
        with pytest.raises(http_errors.HttpError):
            await served.call("GET", by_id(ids[1]))
        served.stored(ids[1]).write_bytes(b"")
        assert (await served.call("GET", by_id(ids[1])))[0] == 500
        assert served.app.metrics.downloads == {"damaged": 3}


async def test_an_archive_that_was_stored_without_a_sum_is_served(tmp_path: Path) -> None:
    async with storagesvc(tmp_path) as served:
        name = "0b8a6a0e-0000-4000-8000-000000000000"
        (tmp_path / "fission-functions" / name).write_bytes(b"from an older release")
        status, content = await served.call("GET", by_id(wire.ID_PREFIX + name))
        assert (status, content) == (200, b"from an older release")


async def test_operators_see_what_is_kept_and_what_goes_through(tmp_path: Path) -> None:
    async with storagesvc(tmp_path) as served:
        _, kept = await served.upload(b"12345")
        _, gone = await served.upload(b"123")
        await served.call("GET", by_id(kept["id"]))
        await served.call("DELETE", by_id(gone["id"]))
        await served.call("GET", by_id(gone["id"]))
        await served.upload(b"123", X_File_Size="9")
        samples = {
            sample.name + "".join(sample.labels.values()): sample.value
            for family in served.app.metrics.collect()
            for sample in family.samples
        }
        assert samples["fission_archives"] == 1
        assert samples["fission_archive_memory_bytes"] == 5
        assert samples["fission_archive_uploads_totalstored"] == 2
        assert samples["fission_archive_uploads_totalrefused"] == 1
        assert samples["fission_archive_downloads_totalsent"] == 1
        assert samples["fission_archive_downloads_totalunknown"] == 1
        assert samples["fission_archive_sent_bytes_total"] == 5
    async with storagesvc(tmp_path) as again:
        assert (again.app.metrics.archives, again.app.metrics.archive_bytes) == (1, 5)


async def test_storage_that_cannot_be_used_is_said_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "fission-functions").write_bytes(b"in the way")
    running = support.storagesvc(tmp_path / "unused", store=support.local.LocalStore(tmp_path))
    waits = asyncio.ensure_future(running.__aenter__())
    await asyncio.wait([waits], timeout=0.1)
    assert not waits.done()
    (tmp_path / "fission-functions").unlink()
    served = await asyncio.wait_for(waits, 5)
    response = await served.http.request("GET", served.url + "/readyz")
    assert response.status == 200
    await running.__aexit__(None, None, None)


async def test_an_upload_has_an_end(tmp_path: Path) -> None:
    chosen = {"upload_timeout_seconds": 0.2, "max_uploads": 1}
    async with storagesvc(tmp_path, **chosen) as served:
        async with served.half_an_upload():
            status, _ = await served.upload(b"waits for its turn, and gets it")
            assert status == 200
        await waiting.until(lambda: len(served.left_behind()) == 1)
        assert served.app.metrics.uploads_running == 0
