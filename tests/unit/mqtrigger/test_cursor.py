"""The cursor of a group of statestore's topics: against a model, in any order."""

import random

import pytest

from fission.mqtrigger.drivers import statestore_cursor


@pytest.mark.parametrize("seed", range(50))
def test_what_is_settled_is_known_and_nothing_else_whoever_takes_over(seed):
    draw = random.Random(seed)
    progress = statestore_cursor.Progress(statestore_cursor.Cursor())
    settled, received, deliveries = set(), 0, {}
    for _ in range(200):
        action = draw.random()
        if action < 0.4:
            received += 1
            deliveries[received] = progress.receive(received)
            assert deliveries[received] == 1
        elif action < 0.8 and received:
            seq = draw.randint(1, received)
            progress.settle(seq)
            settled.add(seq)
        elif action > 0.95:
            progress = statestore_cursor.Progress(
                statestore_cursor.decode(statestore_cursor.encode(progress.cursor()))
            )
            progress.take_over()
            for seq in range(1, received + 1):
                if seq not in settled:
                    deliveries[seq] += 1
                    assert progress.receive(seq) == deliveries[seq]
        assert all(progress.is_settled(seq) == (seq in settled) for seq in range(1, received + 1))
        assert progress.lag(received) == received - len(settled)
        assert progress.is_busy == (len(settled) < received)


def test_what_is_no_longer_kept_is_passed_over_and_counted():
    progress = statestore_cursor.Progress(statestore_cursor.Cursor(seq=3, done=[5], high=6))
    assert progress.skip(8) == 3
    assert progress.seq == 7
    assert progress.lag(10) == 3
