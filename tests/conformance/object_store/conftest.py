"""The storage backends that keep the promises of this folder."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fission.storagesvc import local, objectstore
from fission_http import client as http_client
from tests.support import s3server


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[s3server.S3Server]:
    if not s3server.is_available():
        pytest.skip(s3server.MISSING)
    with s3server.running(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(params=["local", "s3"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[objectstore.ObjectStore]:
    if request.param == "local":
        folder = local.LocalStore(tmp_path)
        await folder.prepare()
        yield folder
        return
    server: s3server.S3Server = request.getfixturevalue("s3_server")
    from fission.storagesvc import s3

    bucket = s3.Bucket(
        name=f"fission-{uuid.uuid4().hex[:12]}",
        subdir="fission-functions",
        endpoint=server.endpoint,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
    )
    async with http_client.Client() as http:
        made = s3.S3Store(bucket, http, spool_dir=str(tmp_path))
        await made.prepare()
        yield made
