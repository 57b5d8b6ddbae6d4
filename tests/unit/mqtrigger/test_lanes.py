"""Lanes against a model: any interleaving of arrivals and ends."""

import random

import pytest

from fission.mqtrigger import lanes


@pytest.mark.parametrize("seed", range(50))
def test_one_of_a_key_at_a_time_in_its_order_and_nothing_is_forgotten(seed):
    draw = random.Random(seed)
    kept: lanes.Lanes[tuple[str, int]] = lanes.Lanes()
    running: list[tuple[str, int]] = []
    arrived, taken, finished = [], [], 0
    for number in range(200):
        if draw.random() < 0.5:
            item = draw.choice(["", "a", "b", "c"]), number
            kept.add(item[0], item)
            arrived.append(item)
        while draw.random() < 0.7 and (item := kept.take()) is not None:
            running.append(item)
            taken.append(item)
        keyed = [key for key, _ in running if key]
        assert len(keyed) == len(set(keyed))
        if running and draw.random() < 0.6:
            kept.finish(running.pop(draw.randrange(len(running)))[0])
            finished += 1
        assert len(kept) == len(arrived) - finished
    while len(kept):
        while (item := kept.take()) is not None:
            running.append(item)
            taken.append(item)
        kept.finish(running.pop()[0])
    assert sorted(taken) == sorted(arrived)
    for key in "abc":
        assert [one for one in taken if one[0] == key] == [one for one in arrived if one[0] == key]


def test_those_without_a_key_do_not_wait():
    kept: lanes.Lanes[int] = lanes.Lanes()
    for number in range(3):
        kept.add("", number)
    assert [kept.take() for _ in range(4)] == [0, 1, 2, None]
    assert kept.ready == 0
    assert len(kept) == 3
