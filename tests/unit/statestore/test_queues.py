"""Queues: leases, settling, dead letters, bounds."""

from __future__ import annotations

import pytest

from fission.contracts import statestore as wire
from fission.statestore import errors, queues, rules
from tests.unit.statestore import samples


def bodies(messages: list[wire.LeasedMessage]) -> list[bytes]:
    return [message.body for message in messages]


def test_messages_come_in_order_and_once():
    world = samples.World()
    for body in (b"a", b"b", b"c"):
        world.enqueue("q", body)
    assert bodies(world.lease("q", 2)) == [b"a", b"b"]
    assert bodies(world.lease("q", 2)) == [b"c"]
    assert world.look("q") == ([], world.now + 10 * samples.SECOND)


def test_a_lease_that_ends_brings_the_message_again():
    world = samples.World()
    world.enqueue("q", b"a")
    (first,) = world.lease("q", seconds=10)
    world.wait(10)
    (second,) = world.lease("q")
    assert (first.id, first.attempts, second.attempts) == (second.id, 1, 2)
    assert first.receipt != second.receipt
    for settle in (world.ack, world.nack, world.kill):
        with pytest.raises(errors.InvalidReceipt, match="stale"):
            settle(first.receipt)
    world.ack(second.receipt)
    assert world.stats("q") == wire.StatsResponse()


def test_who_is_late_may_settle_as_long_as_nobody_else_got_it():
    world = samples.World()
    world.enqueue("q", b"a")
    (message,) = world.lease("q", seconds=1)
    world.wait(100)
    world.ack(message.receipt)
    assert world.lease("q") == []


def test_a_receipt_is_good_once():
    world = samples.World()
    world.enqueue("q", b"a")
    (message,) = world.lease("q")
    world.nack(message.receipt)
    with pytest.raises(errors.InvalidReceipt):
        world.ack(message.receipt)
    (again,) = world.lease("q")
    world.ack(again.receipt)
    with pytest.raises(errors.InvalidReceipt):
        world.ack(again.receipt)


def test_a_receipt_of_another_file_settles_nothing():
    before, restored = samples.World(), samples.World()
    before.enqueue("q", b"one")
    (held,) = before.lease("q")
    restored.wait(1)
    restored.enqueue("q", b"another")
    assert restored.lease("q")
    with pytest.raises(errors.InvalidReceipt):
        restored.ack(held.receipt)


@pytest.mark.parametrize(
    "receipt",
    ["", "1", "a.b", "1.2", "1.2.3", "1.2.3.4", "-1.2.3", "9" * 30 + ".1.1", "\u0663.\u0661"],
)
def test_what_is_no_receipt_is_refused(receipt):
    with pytest.raises(errors.InvalidReceipt):
        samples.World().ack(receipt)


def test_a_failed_message_waits_as_long_as_it_was_told():
    world = samples.World()
    world.enqueue("q", b"a")
    (message,) = world.lease("q")
    assert world.nack(message.receipt, after=5) == "q"
    assert world.look("q") == ([], world.now + 5 * samples.SECOND)
    world.wait(5)
    assert bodies(world.lease("q")) == [b"a"]


def test_after_the_last_attempt_it_is_a_dead_letter():
    world = samples.World()
    number = world.enqueue("q", b"a")
    for attempt in (1, 2, 3):
        (message,) = world.lease("q")
        assert message.attempts == attempt
        world.nack(message.receipt)
    assert world.lease("q") == []
    (dead,) = world.dead("q")
    assert (dead.id, dead.body, dead.attempts) == (f"{samples.BIRTH}-{number}", b"a", 3)
    assert dead.reason == queues.SPENT


def test_leases_that_end_use_attempts_up_too():
    world = samples.World(rules.Bounds(max_attempts=2))
    world.enqueue("q", b"a")
    for _ in range(2):
        assert len(world.lease("q", seconds=1)) == 1
        world.wait(1)
    assert world.stats("q").dead == 1
    assert world.lease("q") == []
    (dead,) = world.dead("q")
    assert (dead.reason, dead.attempts) == (queues.EXPIRED, 2)
    assert world.stats("q") == wire.StatsResponse(dead=1)


def test_a_spent_message_does_not_hide_the_next():
    world = samples.World(rules.Bounds(max_attempts=1))
    world.enqueue("q", b"a")
    world.lease("q", seconds=1)
    world.enqueue("q", b"b")
    world.wait(1)
    assert bodies(world.lease("q")) == [b"b"]


def test_a_message_can_be_killed_at_once():
    world = samples.World()
    world.enqueue("q", b"a")
    (message,) = world.lease("q")
    world.kill(message.receipt, "malformed" + "!" * 9999)
    (dead,) = world.dead("q")
    assert dead.reason.startswith("malformed!")
    assert len(dead.reason) == rules.MAX_REASON


def test_a_delayed_message_is_neither_visible_nor_leased():
    world = samples.World()
    world.enqueue("q", b"a", delay=5)
    assert world.stats("q") == wire.StatsResponse()
    assert world.look("q") == ([], world.now + 5 * samples.SECOND)
    world.wait(7)
    assert world.stats("q") == wire.StatsResponse(
        visible=1, oldest_visible_age_nanos=2 * samples.SECOND
    )


def test_one_key_is_one_unsettled_message():
    world = samples.World()
    first = world.enqueue("q", b"a", dedup="k")
    assert world.enqueue("q", b"b", dedup="k") == first
    assert world.enqueue("other", b"c", dedup="k") != first
    (message,) = world.lease("q")
    assert world.enqueue("q", b"d", dedup="k") == first
    world.ack(message.receipt)
    assert world.enqueue("q", b"e", dedup="k") != first
    assert bodies(world.lease("q")) == [b"e"]


def test_dead_letters_come_in_pages_and_go_again_with_all_attempts():
    world = samples.World()
    for body in (b"a", b"b", b"c"):
        world.enqueue("q", body, dedup=body.decode())
    old = world.lease("q", 3)
    for message in old:
        world.kill(message.receipt)
    first = world.dead("q", limit=2)
    rest = world.dead("q", first[-1].id, limit=2)
    assert [dead.body for dead in (*first, *rest)] == [b"a", b"b", b"c"]
    assert world.redrive("q", first[0].id, first[0].id, "here-999", "elsewhere-1", "") == 1
    assert world.redrive("other", first[1].id) == 0
    (message,) = world.lease("q")
    assert (message.body, message.attempts, message.id) == (b"a", 1, first[0].id)
    with pytest.raises(errors.InvalidReceipt):
        world.ack(old[0].receipt)
    assert world.purge("q") == 2
    assert world.stats("q") == wire.StatsResponse(leased=1)


def test_a_lease_of_which_nobody_learned_costs_no_attempt():
    world = samples.World(rules.Bounds(max_attempts=1))
    world.enqueue("q", b"a")
    (message,) = world.lease("q")
    assert world.write(lambda db: queues.give_back(db, [message.receipt, "8.8"], world.now)) == {
        "q"
    }
    (again,) = world.lease("q")
    assert again.attempts == 1
    with pytest.raises(errors.InvalidReceipt):
        world.ack(message.receipt)


def test_a_full_queue_refuses_and_dead_letters_count():
    world = samples.World(rules.Bounds(max_queue_messages=2))
    world.enqueue("q", b"a", dedup="k")
    world.enqueue("q", b"b")
    (message,) = world.lease("q")
    world.kill(message.receipt)
    with pytest.raises(errors.QuotaExceeded, match="1 messages and 1 dead letters"):
        world.enqueue("q", b"c")
    world.purge("q")
    world.enqueue("q", b"c")


def test_an_answer_is_bounded_in_bytes_but_never_empty_for_size():
    world = samples.World(rules.Bounds(max_answer_bytes=25))
    for _ in range(3):
        world.enqueue("q", b"x" * 10)
    world.enqueue("q", b"x" * 100)
    assert len(world.lease("q", 9)) == 2
    assert len(world.lease("q", 9)) == 1
    assert len(world.lease("q", 9)) == 1


def test_queues_that_are_not_there_are_empty():
    world = samples.World()
    assert world.look("q") == ([], None)
    assert (world.dead("q"), world.purge("q"), world.redrive("q", "x")) == ([], 0, 0)
    assert world.stats("q") == wire.StatsResponse()
