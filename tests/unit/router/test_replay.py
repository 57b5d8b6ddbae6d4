"""How much of a body is kept for another attempt."""

from fission.router import replay

HALF = bytes(replay.LARGE_BYTES // 2)


def test_what_waits_to_be_sent_is_kept_and_what_was_sent_within_bounds():
    body = replay.Body(budget := replay.Budget())
    body.add(HALF)
    body.add(HALF)
    assert body.joined() == 2 * HALF
    body.trim()
    assert (budget.large, body.is_lost, body.joined()) == (1, False, 2 * HALF)
    body.add(b"x")
    body.trim()
    assert (budget.large, body.is_lost, body.joined()) == (0, True, b"")
    body.add(b"x")
    body.drop()
    assert (budget.large, body.joined()) == (0, b"")


def test_few_large_bodies_are_kept_and_every_small_one():
    budget = replay.Budget()
    kept = [replay.Body(budget) for _ in range(replay.LARGE_ONES + 1)]
    for body in kept:
        body.add(HALF)
        body.trim()
    assert [body.is_lost for body in kept] == [False] * replay.LARGE_ONES + [True]
    small = replay.Body(budget)
    small.add(bytes(replay.KEPT_BYTES))
    small.trim()
    assert not small.is_lost
    kept[0].drop()
    assert budget.large == replay.LARGE_ONES - 1


def test_a_body_that_came_before_stays_whole():
    body = replay.Body(replay.Budget(), [HALF, HALF, HALF])
    body.trim()
    assert body.joined() == 3 * HALF
