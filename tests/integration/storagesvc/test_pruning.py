"""A pass of the pruner over a real store."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from fission.base import clock as clocks
from fission.contracts import storage as wire
from fission.kube import errors as kube_errors
from fission.storagesvc import config, local, metrics, objectstore, pruner


class Ahead(clocks.SystemClock):
    """Two hours from now, when today's archives are old enough."""

    def now(self) -> Any:
        return super().now() + clocks.datetime.timedelta(hours=2)


async def put(store: local.LocalStore) -> str:
    upload = await store.upload()
    await upload.write(b"x")
    return await upload.publish(hashlib.sha256(b"x").hexdigest())


def make_pruner(store: local.LocalStore, list_referrers: pruner.ListReferrers) -> pruner.Pruner:
    return pruner.Pruner(
        store,
        list_referrers,
        interval_seconds=3600.0,
        min_age_seconds=config.Config().prune_min_age_seconds,
        clock=Ahead(),
        counts=metrics.Metrics(),
    )


def url_of(archive_id: str) -> str:
    return wire.archive_url("http://storagesvc.fission", archive_id)


async def test_a_pass_removes_what_nobody_names(tmp_path: Path) -> None:
    store = local.LocalStore(tmp_path)
    await store.prepare()
    deployed, source, cached, unused = [await put(store) for _ in range(4)]

    async def referrers() -> list[dict[str, Any]]:
        entry = json.dumps({"url": url_of(cached), "checksum": {}, "time": ""})
        return [
            {"spec": {"deployment": {"url": url_of(deployed)}, "source": {"url": url_of(source)}}},
            {"metadata": {"labels": {"fission.io/build-cache": "python"}}, "data": {"ab": entry}},
        ]

    made = make_pruner(store, referrers)
    assert await made.prune_once() == [unused]
    assert {info.id for info in await store.list()} == {deployed, source, cached}
    with pytest.raises(objectstore.UnknownArchive):
        await store.info(unused)


async def test_nothing_is_removed_when_packages_cannot_be_listed(tmp_path: Path) -> None:
    store = local.LocalStore(tmp_path)
    await store.prepare()
    kept = await put(store)

    async def referrers() -> list[dict[str, Any]]:
        raise kube_errors.Unreachable("the API is away")

    with pytest.raises(kube_errors.Unreachable):
        await make_pruner(store, referrers).prune_once()
    assert [info.id for info in await store.list()] == [kept]


async def test_what_a_dead_upload_left_goes_with_the_next_pass(tmp_path: Path) -> None:
    store = local.LocalStore(tmp_path)
    await store.prepare()
    (tmp_path / "fission-functions" / ".uploads" / "left").write_bytes(b"half")
    running = await store.upload()
    await running.write(b"x" * (1 << 20))

    async def nobody() -> list[dict[str, Any]]:
        return []

    await make_pruner(store, nobody).prune_once()
    uploads = list((tmp_path / "fission-functions" / ".uploads").iterdir())
    assert len(uploads) == 1
    await running.discard()
