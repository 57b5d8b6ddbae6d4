"""Streams: expected heads, bounds of a read, trims, ages."""

from __future__ import annotations

import pytest

from fission.contracts import statestore as wire
from fission.statestore import errors, pairs, rules, streams
from tests.unit.statestore import samples


def payloads(answer: wire.ReadResponse) -> list[bytes]:
    return [event.payload for event in answer.events]


def test_events_are_numbered_from_one_and_read_in_order():
    world = samples.World()
    assert world.append("s", b"a", b"b") == 2
    assert world.append("s", b"c", expected=2) == 3
    answer = world.read("s")
    assert [(event.seq, event.payload) for event in answer.events] == [
        (1, b"a"),
        (2, b"b"),
        (3, b"c"),
    ]
    assert (answer.head, answer.first) == (3, 1)
    assert payloads(world.read("s", 2)) == [b"c"]
    assert payloads(world.read("s", 9)) == []


def test_streams_do_not_see_one_another():
    world = samples.World()
    world.append("s", b"a")
    world.append("t", b"b")
    world.append("s", b"c")
    assert payloads(world.read("s")) == [b"a", b"c"]
    assert payloads(world.read("t")) == [b"b"]


def test_a_writer_that_expects_another_head_learns_it_and_writes_nothing():
    world = samples.World()
    world.append("s", b"a", b"b")
    with pytest.raises(errors.VersionConflict) as caught:
        world.append("s", b"c", expected=1)
    assert caught.value.head == 2
    with pytest.raises(errors.VersionConflict):
        world.append("new", b"c", expected=1)
    assert world.read("s").head == 2
    assert world.append("new", b"c", expected=0) == 1


def test_an_append_of_nothing_makes_no_stream():
    world = samples.World()
    assert world.append("s") == 0
    assert streams.counts(world.db) == (0, 0)


def test_a_stream_that_is_not_there_is_empty():
    assert streams.head(samples.World().db, "s") == wire.HeadResponse(head=0, first=1)


def test_what_travels_with_an_event_comes_back():
    world = samples.World()
    event = wire.Event(type="t", payload=b"\x00", key="k", headers={"a": "b"})
    request = wire.AppendRequest(stream="s", expected_seq=wire.ANY, events=[event])
    world.write(lambda db: streams.append(db, request, world.now, world.bounds))
    (found,) = world.read("s").events
    assert (found.type, found.payload, found.key, found.headers) == ("t", b"\x00", "k", {"a": "b"})
    assert found.at is not None
    assert found.at.timestamp() == world.now / samples.SECOND


def test_times_in_a_stream_do_not_go_back_with_the_clock():
    world = samples.World()
    world.append("s", b"a")
    world.wait(-60)
    world.append("s", b"b")
    first, second = world.read("s").events
    assert first.at == second.at


def test_a_read_is_bounded_in_events_and_bytes_but_never_empty_for_size():
    world = samples.World()
    world.append("s", b"a" * 10, b"b" * 10, b"c" * 100)
    assert len(world.read("s", limit=2).events) == 2
    assert len(world.read("s", max_bytes=20).events) == 2
    assert len(world.read("s", max_bytes=19).events) == 1
    assert len(world.read("s", 2, max_bytes=1).events) == 1


def test_a_trim_hides_events_at_once_and_keeps_the_numbers():
    world = samples.World()
    world.append("s", *[b"%d" % number for number in range(10)])
    world.write(lambda db: streams.trim(db, "s", 8))
    answer = world.read("s")
    assert ([event.seq for event in answer.events], answer.first, answer.head) == (
        [8, 9, 10],
        8,
        10,
    )
    world.write(lambda db: streams.trim(db, "s", 3))
    assert world.read("s").first == 8
    world.write(lambda db: streams.trim(db, "s", 99))
    assert (world.read("s").first, world.read("s").events) == (11, [])
    assert world.append("s", b"x", expected=10) == 11


def test_rows_of_trimmed_events_go_a_piece_at_a_time():
    world = samples.World()
    world.append("s", *[b"x"] * 10)
    world.append("t", b"y")
    world.write(lambda db: streams.trim(db, "s", 9))
    left = []
    while world.write(lambda db: streams.sweep(db, 3)):
        left.append(world.db.execute("SELECT count(*) FROM events").fetchone()[0])
    assert left == [8, 5, 3]
    assert [event.seq for event in world.read("s").events] == [9, 10]
    assert payloads(world.read("t")) == [b"y"]


def test_a_full_stream_refuses_and_says_what_helps():
    world = samples.World(rules.Bounds(max_stream_events=3))
    world.append("s", b"a", b"b")
    with pytest.raises(errors.QuotaExceeded, match=r"'s' holds 2 of 3 events .*trim"):
        world.append("s", b"c", b"d")
    world.write(lambda db: streams.trim(db, "s", 2))
    assert world.append("s", b"c", b"d") == 4


@pytest.mark.parametrize("age", [0, 1, 4, 5, 6, 100])
def test_old_events_of_topics_are_forgotten_and_others_kept(age):
    world = samples.World()
    for name in ("topic/a/t", "history"):
        for _ in range(5):
            world.append(name, b"x")
    for _ in range(5):
        world.wait(1)
        world.append("topic/a/t", b"y")
    before = world.now - age * samples.SECOND
    forgotten = world.write(lambda db: streams.expire(db, "topic/", before))
    gone = {0: 9, 1: 8, 4: 5}.get(age, 0)
    assert forgotten == ({"topic/a/t": gone} if gone else {})
    assert world.read("topic/a/t").first == gone + 1
    assert world.read("history").first == 1


def test_of_a_topic_that_nobody_reads_the_newest_are_kept():
    world = samples.World(rules.Bounds(max_unread_events=3, max_stream_events=6))
    for number in range(10):
        world.append("topic/a/t", b"%d" % number)
    answer = world.read("topic/a/t")
    assert ([event.seq for event in answer.events], answer.first) == ([8, 9, 10], 8)
    world.append("topic/a/t", *[b"x"] * 5)
    answer = world.read("topic/a/t")
    assert ([event.seq for event in answer.events], answer.first) == ([11, 12, 13, 14, 15], 11)
    request = wire.SetRequest(scope=wire.readers_scope("a", "t"), key="g", ttl_nanos=samples.SECOND)
    world.write(lambda db: pairs.set_(db, request, world.now))
    world.append("topic/a/t", b"y")
    assert world.read("topic/a/t").first == 11
    with pytest.raises(errors.QuotaExceeded):
        world.append("topic/a/t", b"z")
    world.wait(1)
    world.append("topic/a/t", b"z")
    assert world.read("topic/a/t").first == 15
    world.append("other", *[b"x"] * 6)
    assert world.read("other").first == 1
