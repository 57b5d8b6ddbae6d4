"""What of a partition may be committed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fission.mqtrigger.drivers import base, kafka_offsets


def message(offset: int) -> base.Message:
    return base.Message("t", b"", {}, "", str(offset), 1)


def filled(*offsets: int) -> tuple[kafka_offsets.Partition, dict[int, base.Message]]:
    partition = kafka_offsets.Partition(0, offsets[0], offsets[0])
    messages = {offset: message(offset) for offset in offsets}
    for offset, each in messages.items():
        partition.received(offset, each)
    return partition, messages


@given(st.permutations(range(8)), st.integers(0, 8))
def test_the_prefix_is_the_first_that_is_not_settled(order: list[int], count: int) -> None:
    partition, _ = filled(*range(8))
    for offset in order[:count]:
        partition.settled(offset)
    assert partition.prefix == min([*order[count:], 8])


def test_gaps_in_the_log_do_not_hold_it_back() -> None:
    partition, _ = filled(3, 7, 9)
    partition.settled(3)
    assert partition.prefix == 7
    partition.settled(9)
    partition.settled(7)
    assert partition.prefix == 10


def test_what_is_released_comes_again_in_order_and_is_in_hand_again() -> None:
    partition, messages = filled(0, 1, 2)
    for offset in (2, 0):
        partition.released(offset, messages[offset])
        assert not partition.holds(offset, messages[offset])
    assert partition.again(1) == [messages[0]]
    assert partition.again(5) == [messages[2]]
    assert partition.holds(0, messages[0])
    assert messages[0].attempt == 2
    assert partition.prefix == 0


def test_a_topic_made_anew_begins_anew() -> None:
    partition, messages = filled(100, 101)
    partition.received(0, message(0))
    assert not partition.holds(100, messages[100])
    assert (partition.prefix, partition.next) == (0, 1)
