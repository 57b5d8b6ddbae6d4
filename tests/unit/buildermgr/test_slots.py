"""Which build is next."""

from __future__ import annotations

import collections
import random

from fission.buildermgr import slots

A, B = slots.Group("default", "python"), slots.Group("default", "node")
C = slots.Group("other", "python")


def taken(line: slots.Slots) -> list[str]:
    found = []
    while (key := line.take()) is not None:
        found.append(key)
    return found


def test_builds_of_one_environment_come_in_order_up_to_its_bound() -> None:
    line = slots.Slots(total=5, per_environment=2)
    for key in ("a1", "a2", "a3"):
        line.offer(key, A)
    assert taken(line) == ["a1", "a2"]
    line.release("a1")
    assert taken(line) == ["a3"]


def test_a_flood_of_one_environment_does_not_hold_up_others() -> None:
    line = slots.Slots(total=3, per_environment=2)
    for number in range(100):
        line.offer(f"a{number}", A)
    assert taken(line) == ["a0", "a1"]
    line.offer("c", C)
    line.offer("b", B)
    assert taken(line) == ["c"]
    line.release("a0")
    assert taken(line) == ["b"]


def test_equals_take_turns() -> None:
    line = slots.Slots(total=1, per_environment=1)
    for number in range(3):
        for group, name in ((A, "a"), (B, "b"), (C, "c")):
            line.offer(f"{name}{number}", group)
    order = []
    while (key := line.take()) is not None:
        order.append(key)
        line.release(key)
    assert [key[0] for key in order] == ["a", "b", "c"] * 3


def test_offering_twice_and_withdrawing_are_harmless() -> None:
    line = slots.Slots(total=1, per_environment=1)
    line.offer("a1", A)
    line.offer("a1", A)
    line.offer("a2", A)
    line.withdraw("a1")
    line.withdraw("a1")
    assert taken(line) == ["a2"]
    line.offer("a2", A)
    assert (line.waiting, line.running) == (0, 1)
    line.release("a2")
    line.release("a2")
    assert (line.waiting, line.running) == (0, 0)


def test_bounds_hold_and_nobody_starves_whatever_happens() -> None:
    draw = random.Random(7)
    line = slots.Slots(total=4, per_environment=2)
    groups = [slots.Group(f"ns{n % 3}", f"env{n}") for n in range(5)]
    running: dict[str, slots.Group] = {}
    waiting: dict[str, int] = {}
    group_of = {}
    for step in range(3000):
        action = draw.random()
        if action < 0.4:
            key, group = f"k{step}", draw.choice(groups)
            line.offer(key, group)
            waiting[key], group_of[key] = step, group
        elif action < 0.9 and running:
            key = draw.choice(sorted(running))
            del running[key]
            line.release(key)
        elif waiting:
            key = draw.choice(sorted(waiting))
            del waiting[key]
            line.withdraw(key)
        while (key := line.take()) is not None:
            assert all(
                group_of[other] != group_of[key] or since >= waiting[key]
                for other, since in waiting.items()
            )
            del waiting[key]
            running[key] = group_of[key]
        assert len(running) <= 4
        assert max(collections.Counter(running.values()).values(), default=0) <= 2
        assert (line.waiting, line.running) == (len(waiting), len(running))
        if len(running) < 4:
            free = [group for group in groups if list(running.values()).count(group) < 2]
            assert not any(group_of[key] in free for key in waiting)
