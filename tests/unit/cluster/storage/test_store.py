"""The revision log: order, atomicity, lists, watches, restarts, failures."""

import asyncio

import pytest

from fission.cluster.storage import errors, records, store


def key(name, namespace="default", resource="configmaps"):
    return records.Key(resource, namespace, name)


def obj(name, **data):
    return {"kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def put(value):
    return lambda current: records.Put(value)


def delete(current):
    return records.Delete(current.value)


@pytest.fixture
async def opened(tmp_path):
    opened = await store.Store.open(tmp_path / "store")
    yield opened
    await opened.close()


async def take(watcher):
    return [(e.type, e.record.key.name, e.revision) for e in await watcher.take(5)]


async def test_the_revision_is_the_resource_version(opened):
    written = await opened.write(key("a"), put(obj("a", x="1")))
    assert written.event.type == "ADDED"
    assert written.record.value["metadata"]["resourceVersion"] == str(opened.revision)
    assert opened.get(key("a")) is written.record
    assert b'"resourceVersion":"' + str(opened.revision).encode() in written.event.line


async def test_a_write_that_changes_nothing_has_no_revision(opened):
    first = await opened.write(key("a"), put(obj("a", x="1")))
    again = await opened.write(key("a"), put(dict(first.record.value)))
    assert again.event is None
    assert again.record is first.record
    assert opened.revision == first.record.revision


async def test_writes_to_one_object_see_each_other(opened):
    def add_one(current):
        count = int(current.value["data"]["n"]) + 1 if current else 1
        return records.Put(obj("a", n=str(count)))

    await asyncio.gather(*(opened.write(key("a"), add_one) for _ in range(50)))
    assert opened.get(key("a")).value["data"] == {"n": "50"}


async def test_readers_see_only_what_is_committed(opened):
    task = asyncio.ensure_future(opened.write(key("a"), put(obj("a"))))
    await asyncio.sleep(0)
    assert opened.staged(key("a")) is not None
    assert opened.get(key("a")) is None
    await task
    assert opened.get(key("a")) is not None


async def test_a_refusal_comes_when_what_it_is_about_can_be_read(opened):
    def refuse(current):
        assert current is not None
        raise KeyError("somebody else was faster")

    written = asyncio.ensure_future(opened.write(key("a"), put(obj("a"))))
    await asyncio.sleep(0)
    assert opened.get(key("a")) is None
    with pytest.raises(KeyError):
        await opened.write(key("a"), refuse)
    assert opened.get(key("a")) is (await written).record


async def test_lists_are_sorted_by_key(opened):
    for namespace, name in (("b", "a"), ("a", "z"), ("a", "b"), ("ab", "a")):
        await opened.write(key(name, namespace), put(obj(name)))
    keys = [r.key[1:] for r in opened.select("configmaps")]
    assert keys == [("a", "b"), ("a", "z"), ("ab", "a"), ("b", "a")]
    assert [r.key.name for r in opened.select("configmaps", "a")] == ["b", "z"]
    assert opened.select("secrets") == []


async def test_a_watch_delivers_what_follows_its_revision(opened):
    first = await opened.write(key("a"), put(obj("a")))
    second = await opened.write(key("a"), put(obj("a", x="2")))
    await opened.write(key("s", resource="secrets"), put(obj("s")))
    watcher = await opened.watch("configmaps", None, first.record.revision)
    gone = await opened.write(key("a"), delete)
    assert await take(watcher) == [
        ("MODIFIED", "a", second.record.revision),
        ("DELETED", "a", gone.record.revision),
    ]


async def test_a_watch_in_a_namespace_sees_only_that(opened):
    watcher = await opened.watch("configmaps", "b")
    await opened.write(key("a", "a"), put(obj("a")))
    await opened.write(key("b", "b"), put(obj("b")))
    assert [name for _, name, _ in await take(watcher)] == ["b"]


async def test_a_slow_watcher_is_cut_off(opened):
    slow = await opened.watch("configmaps", None, max_pending_events=3)
    quick = await opened.watch("configmaps", None)
    for number in range(5):
        await opened.write(key(f"a{number}"), put(obj("a")))
    with pytest.raises(errors.Overrun):
        await slow.take(5)
    assert len(await quick.take(5)) == 5
    assert opened.watchers == 1


async def test_history_is_replayed_after_a_restart(tmp_path):
    first = await store.Store.open(tmp_path)
    one = await first.write(key("a"), put(obj("a", x="1")))
    two = await first.write(key("a"), put(obj("a", x="2")))
    three = await first.write(key("a"), delete)
    await first.write(key("b"), put(obj("b")))
    await first.close()
    again = await store.Store.open(tmp_path)
    try:
        assert again.revision > three.record.revision + 100_000
        assert [r.key.name for r in again.select("configmaps")] == ["b"]
        watcher = await again.watch("configmaps", None, one.record.revision)
        events = await watcher.take(5)
        assert [e.type for e in events] == ["MODIFIED", "DELETED", "ADDED"]
        assert events[0].previous["data"] == {"x": "1"}
        assert [
            r.value["data"] for r in await again.list_at("configmaps", None, two.record.revision)
        ] == [{"x": "2"}]
        with pytest.raises(errors.Compacted):
            await again.watch("configmaps", None, three.record.revision + 100)
    finally:
        await again.close()


async def test_events_during_a_replay_come_after_it(tmp_path):
    first = await store.Store.open(tmp_path)
    one = await first.write(key("a"), put(obj("a", x="0")))
    for number in range(20):
        await first.write(key("a"), put(obj("a", x=str(number + 1))))
    await first.close()
    again = await store.Store.open(tmp_path)
    try:
        watching = asyncio.ensure_future(again.watch("configmaps", None, one.record.revision))
        await again.write(key("b"), put(obj("b")))
        watcher = await watching
        seen = []
        while len(seen) < 21:
            seen += await watcher.take(5)
        assert [e.revision for e in seen] == sorted(e.revision for e in seen)
        assert seen[-1].record.key.name == "b"
    finally:
        await again.close()


async def test_compaction_forgets_history_but_no_object(opened):
    first = await opened.write(key("a"), put(obj("a", x="1")))
    await opened.write(key("b"), put(obj("b")))
    await opened.write(key("b"), delete)
    second = await opened.write(key("a"), put(obj("a", x="2")))
    await opened.compact(second.record.revision)
    assert await opened.row_count() == 1
    third = await opened.write(key("a"), put(obj("a", x="3")))
    with pytest.raises(errors.Compacted, match="too old resource version"):
        await opened.list_at("configmaps", None, first.record.revision)
    watcher = await opened.watch("configmaps", None, second.record.revision)
    assert await take(watcher) == [("MODIFIED", "a", third.record.revision)]


async def test_a_future_revision_stays_silent_until_it_is_passed(opened):
    watcher = await opened.watch("configmaps", None, opened.revision + 2)
    for number in range(3):
        await opened.write(key(str(number)), put(obj("x")))
    assert [name for _, name, _ in await take(watcher)] == ["2"]
    with pytest.raises(errors.FutureRevision):
        await opened.list_at("configmaps", None, opened.revision + 1)


async def test_a_second_process_is_kept_out(opened, tmp_path):
    with pytest.raises(errors.StoreLocked):
        await store.Store.open(tmp_path / "store")


async def test_a_failed_commit_takes_back_what_was_built_on_it(opened):
    await opened.write(key("a"), put(obj("a", x="1")))
    opened._log._writer.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON log BEGIN SELECT raise(ABORT, 'disk full'); END"
    )
    lost = [asyncio.ensure_future(opened.write(key("a"), put(obj("a", x=str(n))))) for n in (2, 3)]
    outcomes = await asyncio.gather(*lost, return_exceptions=True)
    assert all(isinstance(o, errors.WriteFailed) for o in outcomes)
    assert opened.staged(key("a")).value["data"] == {"x": "1"}
    opened._log._writer.execute("DROP TRIGGER full")
    written = await opened.write(key("a"), put(obj("a", x="4")))
    assert opened.get(key("a")) is written.record
