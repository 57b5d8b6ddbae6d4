"""Archives of each form from each place become what they should, and nothing leads astray."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from fission_http import server
from tests.integration.fetcher import support
from tests.support import waiting

HELLO = {"hello.py": b"def main(): ...\n", "bin/run.sh": b"#!/bin/sh\n"}


def fetch_of(archive: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    request: dict[str, Any] = support.specialize_request(archive=archive)["FetchReq"]
    return request | {"filename": "code"} | more


def literal(content: bytes) -> dict[str, str]:
    return {"type": "literal", "literal": base64.b64encode(content).decode()}


def by_url(url: str, content: bytes | None = None) -> dict[str, Any]:
    sum_of = hashlib.sha256(content).hexdigest() if content is not None else ""
    return {"type": "url", "url": url, "checksum": {"type": "sha256", "sum": sum_of}}


@pytest.mark.parametrize("form", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("way", ["literal", "url", "url without sum"])
async def test_an_archive_becomes_a_tree(tmp_path: Path, form: str, way: str) -> None:
    if form == "zip":
        packed = support.zip_bytes(dict(HELLO))
    else:
        packed = support.tar_bytes(HELLO, "w" if form == "tar" else "w:gz")
    # The name says nothing: what it is is told by its bytes.
    host = support.Host(lambda _: server.Response(200, body=packed))
    async with support.fetcher(tmp_path) as pod, host.running():
        archive = literal(packed)
        if way != "literal":
            archive = by_url(f"{host.url}/code.bin", None if "without" in way else packed)
        assert await pod.post("/fetch", fetch_of(archive)) == (200, "")
        tree = pod.userfunc / "code"
        assert (tree / "hello.py").read_bytes() == HELLO["hello.py"]
        executable = stat.S_IMODE((tree / "bin" / "run.sh").stat().st_mode) & 0o100
        assert executable == (0o100 if form != "zip" else 0)
        assert [path.name for path in pod.userfunc.iterdir()] == ["code"]


@pytest.mark.parametrize("content", [gzip.compress(b"not a tar"), b"#!/bin/sh\n"])
async def test_what_is_no_archive_stays_a_file(tmp_path: Path, content: bytes) -> None:
    async with support.fetcher(tmp_path) as pod:
        assert await pod.post("/fetch", fetch_of(literal(content))) == (200, "")
        assert (pod.userfunc / "code").read_bytes() == content


async def test_an_archive_that_is_kept_is_not_looked_into(tmp_path: Path) -> None:
    packed = support.tar_bytes({"../escape": b"x"})
    host = support.Host(lambda _: server.Response(200, body=packed))
    async with support.fetcher(tmp_path) as pod, host.running():
        for number, archive in enumerate((literal(packed), by_url(f"{host.url}/x", packed))):
            fetch = fetch_of(archive, keeparchive=True, filename=f"kept-{number}")
            assert await pod.post("/fetch", fetch) == (200, "")
            assert (pod.userfunc / f"kept-{number}").read_bytes() == packed


async def test_a_hostile_tar_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    packed = support.tar_bytes({"ok": b"x", "../../evil": b"x"})
    async with support.fetcher(tmp_path) as pod:
        status, text = await pod.post("/fetch", fetch_of(literal(packed)))
        assert (status, text) == (400, "'../../evil' would be written outside of the package")
        assert list(pod.userfunc.iterdir()) == []
        assert list((tmp_path / "cache").iterdir()) == []


async def test_other_compressions_are_refused_by_name(tmp_path: Path) -> None:
    async with support.fetcher(tmp_path) as pod:
        packed = support.tar_bytes(HELLO, "w:xz")
        status, text = await pod.post("/fetch", fetch_of(literal(packed)))
        assert (status, text) == (400, "the archive is xz; allowed are zip, tar and tar.gz")


async def test_a_plain_url_needs_no_package(tmp_path: Path) -> None:
    host = support.Host(lambda _: server.Response(200, body=b"x = 1\n"))
    async with support.fetcher(tmp_path) as pod, host.running():
        fetch = fetch_of(fetchType=2, url=f"{host.url}/x.py")
        assert await pod.post("/fetch", fetch) == (200, "")
        assert (pod.userfunc / "code").read_bytes() == b"x = 1\n"
        status, text = await pod.post("/fetch", fetch_of(fetchType=2, filename="b"))
        assert (status, text) == (400, "url must be given for fetchType 2")
        status, text = await pod.post("/fetch", fetch_of(fetchType=7, filename="b"))
        assert (status, text.startswith("fetchType is 7; allowed are 0")) == (400, True)
        status, text = await pod.post("/fetch", fetch_of(literal(b"x"), filename="a/b"))
        assert (status, text) == (400, "filename: 'a/b' must be a name, not a path")


async def test_a_url_must_not_lead_to_other_pods_nor_to_a_clouds_metadata(tmp_path: Path) -> None:
    pods = support.listening("127.9.8.7")
    other = support.Host(lambda _: server.Response(200, body=b"secret"))
    led: dict[str, str] = {}
    host = support.Host(lambda _: server.Response(302, [("Location", led["to"])]))
    async with support.fetcher(tmp_path) as pod, host.running(), other.running(pods):
        led["to"] = other.url
        for url in (other.url, host.url):
            status, text = await pod.post("/fetch", fetch_of(by_url(f"{url}/x")))
            assert status == 400
            assert "leads to 127.9.8.7, which FETCHER_URL_REACH=local does not allow" in text
        assert other.requests == []
    async with (
        support.fetcher(tmp_path / "open", settings={"url_reach": "open"}) as pod,
        other.running(support.listening("127.9.8.7")),
    ):
        assert await pod.post("/fetch", fetch_of(by_url(f"{other.url}/x"))) == (200, "")
    async with (
        support.fetcher(tmp_path / "public", settings={"url_reach": "public"}) as pod,
        host.running(),
    ):
        status, text = await pod.post("/fetch", fetch_of(by_url(f"{host.url}/x")))
        assert (status, "leads to 127.0.0.1" in text) == (400, True)


async def test_redirects_come_to_an_end(tmp_path: Path) -> None:
    host = support.Host(lambda _: server.Response(302, [("Location", "/again")]))
    async with support.fetcher(tmp_path) as pod, host.running():
        status, text = await pod.post("/fetch", fetch_of(by_url(f"{host.url}/x")))
        assert (status, "redirects more than 10 times" in text) == (400, True)
        assert len(host.requests) == 11


@pytest.mark.parametrize("declared", [True, False])
async def test_an_archive_above_the_limit_is_not_downloaded(tmp_path: Path, declared: bool) -> None:
    async def endless() -> Any:
        while True:
            yield bytes(1 << 16)

    def answer(_: server.Request) -> server.Response:
        headers = [("Content-Length", str(5 << 30))] if declared else []
        return server.Response(200, headers, endless())

    async with (
        support.fetcher(tmp_path, settings={"max_archive_mib": 1}) as pod,
        support.Host(answer).running() as host,
    ):
        status, text = await pod.post("/fetch", fetch_of(by_url(f"{host.url}/x")))
        assert status == 400
        assert text.endswith("/x is larger than the 1048576 bytes of FETCHER_MAX_ARCHIVE_MIB")
        assert list(pod.userfunc.iterdir()) == []


async def test_what_a_dead_fetcher_was_writing_goes(tmp_path: Path) -> None:
    env = support.pod_env(tmp_path, 1)
    userfunc = Path(json.loads(env["POD_VOLUME_PATHS"])["/userfunc"])
    (userfunc / ".fetching-abcdefgh" / "pkg").mkdir(parents=True)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / ".work-half").mkdir()
    async with support.fetcher(tmp_path) as pod:
        assert await pod.post("/fetch", fetch_of(literal(b"x"))) == (200, "")
        await waiting.until(lambda: os.listdir(userfunc) == ["code"])
        assert not (tmp_path / "cache" / ".work-half").exists()


def spares_in(folder: Path) -> list[Path]:
    return [path for path in (folder / "cache").iterdir() if path.name.startswith(".spare-")]


@pytest.mark.parametrize("way", ["literal", "url"])
async def test_what_was_fetched_beforehand_is_moved_into_the_pod(tmp_path: Path, way: str) -> None:
    packed = support.zip_bytes(dict(HELLO))
    host = support.Host(lambda _: server.Response(200, body=packed))
    async with support.fetcher(tmp_path) as pod, host.running():
        archive = literal(packed) if way == "literal" else by_url(f"{host.url}/a.zip", packed)
        assert await pod.post("/prefetch", fetch_of(archive)) == (200, "")
        assert list(pod.userfunc.iterdir()) == []
        await waiting.until(lambda: len(spares_in(tmp_path)) == 2, seconds=10.0)
        made = {path.stat().st_ino for path in spares_in(tmp_path)}
        assert await pod.post("/fetch", fetch_of(archive)) == (200, "")
        tree = pod.userfunc / "code"
        assert tree.stat().st_ino in made
        assert (tree / "hello.py").read_bytes() == HELLO["hello.py"]
        assert (tree / "hello.py").stat().st_nlink == 1
        assert [path.name for path in pod.userfunc.iterdir()] == ["code"]
        assert len(host.requests) == (1 if way == "url" else 0)
        # What a pod does to its tree is nobody else's.
        (tree / "hello.py").write_bytes(b"poison")
        assert await pod.post("/fetch", fetch_of(archive, filename="again")) == (200, "")
        assert (pod.userfunc / "again" / "hello.py").read_bytes() == HELLO["hello.py"]


async def test_what_cannot_be_found_again_is_not_fetched_beforehand(tmp_path: Path) -> None:
    host = support.Host(lambda _: server.Response(200, body=b"code"))
    async with support.fetcher(tmp_path) as pod, host.running():
        assert await pod.post("/prefetch", fetch_of(by_url(f"{host.url}/a"))) == (200, "")
        assert await pod.post("/prefetch", fetch_of(literal(b"code"))) == (200, "")
    async with support.fetcher(tmp_path / "alone", cache=False) as pod, host.running():
        assert await pod.post("/prefetch", fetch_of(by_url(f"{host.url}/a", b"code"))) == (200, "")
    assert host.requests == []


async def test_a_damaged_archive_is_refused_beforehand_too(tmp_path: Path) -> None:
    host = support.Host(lambda _: server.Response(200, body=b"damaged"))
    async with support.fetcher(tmp_path) as pod, host.running():
        code, text = await pod.post("/prefetch", fetch_of(by_url(f"{host.url}/a", b"code")))
        assert code == 400
        assert "checksum mismatch" in text
        assert os.listdir(tmp_path / "cache") == []
