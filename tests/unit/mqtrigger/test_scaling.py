"""How many calls at once: by lag, and by what the function takes."""

import random

import pytest

from fission.mqtrigger import scaling

BOUNDS = scaling.Bounds(least=0, most=20, lag_threshold=10, cooldown_seconds=300)


@pytest.mark.parametrize(
    ("backlog", "calls"), [(0, 1), (1, 1), (10, 1), (11, 2), (199, 20), (100_000, 20), (-1, 1)]
)
def test_one_call_for_each_ten_that_wait(backlog, calls):
    assert scaling.needed(backlog, BOUNDS) == calls


def test_it_rises_at_once_and_falls_to_the_most_that_was_needed_meanwhile():
    scale = scaling.Scale(BOUNDS, now=0)
    assert scale.observe(100, 0) == 10
    assert scale.observe(0, 100) == 10
    assert scale.observe(50, 200) == 10
    assert scale.observe(0, 299) == 10
    assert scale.observe(0, 300) == 5
    assert scale.observe(0, 599) == 5
    assert scale.observe(0, 600) == 1


def test_there_are_never_fewer_than_the_least():
    assert scaling.Scale(scaling.Bounds(3, 9, 10, 0), now=0).current == 3


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_a_function_at_its_limit_is_found_with_few_refusals(limit):
    """Slots are taken and given back in random order; a call beyond the limit is refused."""
    draw = random.Random(limit)
    throttle, now, running, refused, done = scaling.Throttle(), 0.0, 0, 0, 0
    accepted = 0
    while done < 500:
        now += 0.01
        while throttle.allows(running, 20, now):
            running += 1
        while running > accepted and (accepted >= limit or draw.random() < 0.5):
            if accepted < limit:
                accepted += 1
                continue
            running -= 1
            refused += 1
            throttle.refused(running, 0.0, now)
        if accepted:
            accepted -= 1
            running -= 1
            done += 1
            throttle.passed(20)
    assert refused < 19 + 500 / scaling.ROUNDS_PER_STEP


def test_when_the_only_call_is_refused_everything_waits_longer_each_time():
    throttle = scaling.Throttle()
    waits = []
    now = 0.0
    for _ in range(12):
        throttle.refused(0, 0.0, now)
        waits.append(throttle.hold_until - now)
        assert not throttle.allows(0, 10, now)
        now = throttle.hold_until
        assert throttle.allows(0, 10, now)
    assert waits[:3] == pytest.approx([0.1, 0.2, 0.4])
    assert waits[-1] == pytest.approx(scaling.LARGEST_HOLD_SECONDS)
    throttle.passed(10)
    throttle.refused(0, 2.5, now)
    assert throttle.hold_until == now + 2.5


def test_it_feels_its_way_up_until_it_knows_no_limit():
    throttle = scaling.Throttle()
    throttle.refused(2, 0.0, 0.0)
    for _ in range(2 * scaling.ROUNDS_PER_STEP):
        assert throttle.limit == 2
        throttle.passed(4)
    assert throttle.limit == 3
    for _ in range(3 * scaling.ROUNDS_PER_STEP):
        throttle.passed(4)
    assert throttle.limit is None
