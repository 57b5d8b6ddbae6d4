"""A pass of the pruner over a real store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fission.base import clock as clocks
from fission.contracts import storage as wire
from fission.kube import errors as kube_errors
from fission.storagesvc import local, objectstore, pruner


class Ahead(clocks.SystemClock):
    """An hour from now, when today's archives are old enough."""

    def now(self) -> Any:
        return super().now() + clocks.datetime.timedelta(hours=1)


async def put(store: local.LocalStore) -> str:
    upload = await store.upload()
    await upload.write(b"x")
    return await upload.publish()


def make_pruner(store: local.LocalStore, list_packages: pruner.ListPackages) -> pruner.Pruner:
    return pruner.Pruner(
        store, list_packages, interval_seconds=3600.0, min_age_seconds=60.0, clock=Ahead()
    )


async def test_a_pass_removes_what_no_package_refers_to(tmp_path: Path) -> None:
    store = local.LocalStore(tmp_path)
    store.prepare()
    used, unused = await put(store), await put(store)

    async def packages() -> list[dict[str, Any]]:
        url = wire.archive_url("http://storagesvc.fission", used)
        return [{"spec": {"deployment": {"url": url}}}]

    assert await make_pruner(store, packages).prune_once() == [unused]
    assert [info.id for info in await store.list()] == [used]
    with pytest.raises(objectstore.UnknownArchive):
        await store.info(unused)


async def test_nothing_is_removed_when_packages_cannot_be_listed(tmp_path: Path) -> None:
    store = local.LocalStore(tmp_path)
    store.prepare()
    kept = await put(store)

    async def packages() -> list[dict[str, Any]]:
        raise kube_errors.Unreachable("the API is away")

    with pytest.raises(kube_errors.Unreachable):
        await make_pruner(store, packages).prune_once()
    assert [info.id for info in await store.list()] == [kept]
