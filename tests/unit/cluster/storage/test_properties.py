"""Random histories: a list and a watch from its revision always give the present state."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fission.cluster.storage import records, store

NAMES = st.sampled_from(["a", "b", "c", "d"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), NAMES, st.integers(0, 3)),
        st.tuples(st.just("delete"), NAMES, st.just(0)),
        st.tuples(st.just("list"), st.just(""), st.just(0)),
        st.tuples(st.just("reopen"), st.just(""), st.just(0)),
        st.tuples(st.just("compact"), st.just(""), st.integers(0, 3)),
    ),
    max_size=30,
)


def decide_put(name, number):
    return lambda current: records.Put({"metadata": {"name": name}, "n": number})


def decide_delete(current):
    return records.Delete(current.value) if current else records.Keep()


def state_of(listed):
    return {r.key.name: r.revision for r in listed}


async def play(folder, steps):
    current = await store.Store.open(folder)
    lists = []
    for verb, name, number in steps:
        if verb == "put":
            await current.write(records.Key("x", "", name), decide_put(name, number))
        elif verb == "delete":
            await current.write(records.Key("x", "", name), decide_delete)
        elif verb == "list":
            lists.append((current.revision, state_of(current.select("x"))))
        elif verb == "compact":
            await current.compact(current.revision - number)
        else:
            expected = state_of(current.select("x"))
            await current.close()
            current = await store.Store.open(folder)
            assert state_of(current.select("x")) == expected
    for revision, listed in lists:
        if revision < current.compacted:
            continue
        assert state_of(await current.list_at("x", None, revision)) == listed
        watcher = await current.watch("x", None, revision)
        last = revision
        for event in [] if watcher.idle else await watcher.take(5):
            assert event.revision > last
            last = event.revision
            if event.type == "DELETED":
                assert event.record.key.name in listed
                del listed[event.record.key.name]
            else:
                assert (event.type == "ADDED") == (event.record.key.name not in listed)
                listed[event.record.key.name] = event.revision
        assert listed == state_of(current.select("x"))
    await current.close()


@example(
    [("put", "a", 0), ("delete", "a", 0), ("list", "", 0), ("compact", "", 0), ("reopen", "", 0)]
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_list_and_watch_agree_with_the_present(steps):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), steps))
