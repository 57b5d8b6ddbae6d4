"""What every storage backend promises."""

from __future__ import annotations

import asyncio
import datetime
import hashlib

import pytest

from fission.storagesvc import objectstore

SUM = "ab" * 32


async def put(store: objectstore.ObjectStore, content: bytes, tenant: str = "") -> str:
    upload = await store.upload(tenant)
    await upload.write(content)
    return await upload.publish(hashlib.sha256(content).hexdigest())


async def get(store: objectstore.ObjectStore, archive_id: str) -> bytes:
    found = await store.download(archive_id)
    content = b"".join([chunk async for chunk in found.chunks()])
    assert len(content) == found.size_bytes
    return content


async def test_what_was_stored_is_what_comes_back(store: objectstore.ObjectStore) -> None:
    content = bytes(range(256)) * 20_000
    assert await get(store, await put(store, content)) == content


async def test_an_upload_in_pieces_is_one_archive(store: objectstore.ObjectStore) -> None:
    upload = await store.upload()
    for index in range(50):
        await upload.write(bytes([index]) * 100_000)
    archive_id = await upload.publish(SUM)
    assert (await store.info(archive_id)).size_bytes == 5_000_000


async def test_an_empty_archive_is_an_archive(store: objectstore.ObjectStore) -> None:
    assert await get(store, await put(store, b"")) == b""


async def test_nothing_is_seen_before_it_is_published(store: objectstore.ObjectStore) -> None:
    upload = await store.upload()
    await upload.write(b"x" * (3 << 20))
    assert await store.list() == []
    await upload.discard()
    assert await store.list() == []


async def test_discarding_what_was_published_changes_nothing(
    store: objectstore.ObjectStore,
) -> None:
    upload = await store.upload()
    await upload.write(b"kept")
    archive_id = await upload.publish(SUM)
    await upload.discard()
    assert await get(store, archive_id) == b"kept"


async def test_equal_archives_have_different_ids(store: objectstore.ObjectStore) -> None:
    assert await put(store, b"same") != await put(store, b"same")


async def test_a_listing_names_every_archive_with_size_and_time(
    store: objectstore.ObjectStore,
) -> None:
    ids = {await put(store, b"a"), await put(store, b"bb"), await put(store, b"c", "team-a")}
    listed = await store.list()
    assert {info.id for info in listed} == ids
    assert sorted(info.size_bytes for info in listed) == [1, 1, 2]
    now = datetime.datetime.now(datetime.UTC)
    assert all(abs(now - info.modified_at) < datetime.timedelta(minutes=1) for info in listed)


async def test_a_deleted_archive_is_gone(store: objectstore.ObjectStore) -> None:
    archive_id = await put(store, b"x")
    await store.delete(archive_id)
    assert await store.list() == []
    for call in (store.download, store.info, store.delete):
        with pytest.raises(objectstore.UnknownArchive):
            await call(archive_id)


async def test_a_download_under_way_outlives_the_archive(store: objectstore.ObjectStore) -> None:
    archive_id = await put(store, b"y" * (4 << 20))
    found = await store.download(archive_id)
    chunks = found.chunks()
    first = await anext(chunks)
    await store.delete(archive_id)
    rest = b"".join([chunk async for chunk in chunks])
    assert len(first) + len(rest) == 4 << 20


async def test_the_sum_of_an_archive_is_kept_with_it(store: objectstore.ObjectStore) -> None:
    archive_id = await put(store, b"hello")
    found = await store.download(archive_id)
    assert found.sha256 == hashlib.sha256(b"hello").hexdigest()
    await found.aclose()


async def test_deleting_tells_what_there_was(store: objectstore.ObjectStore) -> None:
    archive_id = await put(store, b"hello")
    deleted = await store.delete(archive_id)
    assert (deleted.id, deleted.size_bytes) == (archive_id, 5)


async def test_preparing_and_sweeping_leave_what_is_there(store: objectstore.ObjectStore) -> None:
    archive_id = await put(store, b"hello")
    upload = await store.upload()
    await upload.write(b"x" * (2 << 20))
    await store.prepare()
    assert await store.sweep() == 0
    second = await upload.publish(SUM)
    assert [info.id for info in await store.list()] == sorted([archive_id, second])


async def test_a_text_that_is_no_id_is_unknown(store: objectstore.ObjectStore) -> None:
    prefix = (await put(store, b"x")).rpartition("/")[0]
    name = "0b8a6a0e-0000-4000-8000-000000000000"
    for text in (
        "",
        "\0",
        "/etc/passwd",
        name,
        prefix,
        f"{prefix}/",
        f"{prefix}/{name}",
        f"{prefix}/../../etc/passwd",
        f"{prefix}/.uploads",
        f"{prefix}/_tenant_/../{name}",
        f"{prefix}/_tenant_/team-a/{name}",
    ):
        for call in (store.download, store.info, store.delete):
            with pytest.raises(objectstore.UnknownArchive):
                await call(text)


async def test_an_id_says_whose_archive_it_is(store: objectstore.ObjectStore) -> None:
    assert store.tenant_of(await put(store, b"x")) == ""
    theirs = await put(store, b"x", "team-a")
    assert store.tenant_of(theirs) == "team-a"
    assert await get(store, theirs) == b"x"


async def test_many_uploads_at_once_do_not_mix(store: objectstore.ObjectStore) -> None:
    contents = [bytes([index]) * 200_000 for index in range(16)]
    ids = await asyncio.gather(*(put(store, content) for content in contents))
    assert await asyncio.gather(*(get(store, each) for each in ids)) == contents
