"""Storagesvc over a bucket of a real S3 server, and what it says when that one is away."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fission.base import errors
from fission.storagesvc import app, config, objectstore, s3
from fission_http import client as http_client
from tests.integration.storagesvc import support
from tests.support import s3server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3server.S3Server]:
    if not s3server.is_available():
        pytest.skip(s3server.MISSING)
    with s3server.running(tmp_path_factory.mktemp("s3")) as running:
        yield running


def settings(server: s3server.S3Server) -> config.Config:
    return config.from_env(
        {
            "STORAGE_TYPE": "s3",
            "STORAGE_S3_ENDPOINT": server.endpoint,
            "STORAGE_S3_BUCKET_NAME": f"fission-{uuid.uuid4().hex[:12]}",
            "STORAGE_S3_SUB_DIR": "code",
            "STORAGE_S3_ACCESS_KEY_ID": server.access_key,
            "STORAGE_S3_SECRET_ACCESS_KEY": server.secret_key,
        }
    )


@contextlib.asynccontextmanager
async def opened(settings: config.Config) -> AsyncIterator[objectstore.ObjectStore]:
    async with http_client.Client() as http:
        yield app.open_store(settings, {}, http)


async def test_an_archive_goes_in_comes_out_and_is_deleted(
    server: s3server.S3Server, tmp_path: Path
) -> None:
    chosen = settings(server)
    content = os.urandom(3 << 20)
    async with opened(chosen) as store, support.storagesvc(tmp_path, store=store) as served:
        status, answer = await served.upload(content)
        assert status == 200
        assert answer["id"].startswith("code/")
        response = await served.http.request("HEAD", served.url + support.by_id(answer["id"]))
        assert response.headers["x-fission-storagetype"] == "s3"
        assert response.headers["x-fission-bucket"] == chosen.s3_bucket_name
        assert await served.call("GET", support.by_id(answer["id"])) == (200, content)
        _, second = await served.upload(b"hello")
        _, listed = await served.call("GET", "/v1/archive")
        assert second["id"].encode() in listed
        assert (await served.call("DELETE", support.by_id(answer["id"])))[0] == 200
        assert (await served.call("GET", support.by_id(answer["id"])))[0] == 404
        assert (await served.call("DELETE", support.by_id(answer["id"])))[0] == 400
        assert served.left_behind() == []


async def test_what_is_refused_never_reaches_the_bucket(
    server: s3server.S3Server, tmp_path: Path
) -> None:
    async with opened(settings(server)) as store:
        async with support.storagesvc(tmp_path, store=store) as served:
            assert (await served.upload(b"hello", X_File_Sha256="ab" * 32))[0] == 400
            assert (await served.upload(b"hello", X_File_Size="4"))[0] == 400
        assert await store.list() == []


async def test_a_damaged_object_is_never_served_as_good(
    server: s3server.S3Server, tmp_path: Path
) -> None:
    async with opened(settings(server)) as store:
        assert isinstance(store, s3.S3Store)
        async with support.storagesvc(tmp_path, store=store) as served:
            _, answer = await served.upload(b"hello")
            other, right = hashlib.md5(b"jello").digest(), hashlib.sha256(b"hello").hexdigest()
            await store.put(answer["id"], 5, other, right, io.BytesIO(b"jello"))
            status, text = await served.call("GET", support.by_id(answer["id"]))
            assert (status, b"the archive is damaged" in text) == (500, True)


async def test_the_server_itself_checks_what_it_gets(server: s3server.S3Server) -> None:
    async with opened(settings(server)) as store:
        assert isinstance(store, s3.S3Store)
        await store.prepare()
        wrong = hashlib.md5(b"other").digest()
        with pytest.raises(objectstore.StorageUnavailable, match="400 BadDigest"):
            await store.put("code/x", 5, wrong, "ab" * 32, io.BytesIO(b"hello"))
        assert await store.list() == []


async def test_a_server_that_is_away_or_refuses_us_is_named(
    server: s3server.S3Server, tmp_path: Path
) -> None:
    wrong = replace(settings(server), s3_secret_access_key="wrong-wrong-wrong")
    async with opened(wrong) as store:
        with pytest.raises(objectstore.StorageUnavailable, match=r"403.*STORAGE_S3_SECRET"):
            await store.prepare()
    away = replace(settings(server), s3_endpoint="http://127.0.0.1:1")
    async with opened(away) as store:
        with pytest.raises(objectstore.StorageUnavailable, match=r"S3 at 127\.0\.0\.1:1: "):
            await store.prepare()


def test_a_missing_extra_is_said_with_its_remedy() -> None:
    said = (
        "import sys; sys.modules['obstore'] = None\n"
        "from fission.storagesvc import app, config\n"
        "app.open_store(config.Config(storage_type='s3', s3_bucket_name='b'), {}, None)"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True)
    assert f"{errors.SettingsError.__name__}: STORAGE_TYPE: s3 needs what" in done.stderr
    assert "pip install 'fission[s3]'" in done.stderr
