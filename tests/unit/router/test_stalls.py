"""Who waits for a peer that does not get on."""

from fission.router import stalls
from tests.support import virtualtime


class Peer:
    def __init__(self, steps: list[int | None]) -> None:
        self.steps = steps
        self.given_up = 0

    def progress(self) -> int | None:
        return self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]

    def stalled(self) -> None:
        self.given_up += 1


def pass_time(loop: virtualtime.VirtualLoop, seconds: float) -> None:
    for _ in range(round(seconds * 10)):
        loop.now += 0.1
        loop.settle()


def test_only_who_does_not_get_on_is_given_up_and_once():
    loop = virtualtime.VirtualLoop()
    try:
        watched = stalls.Stalls(loop, 4.0)
        still, moving = Peer([7]), Peer(list(range(1000)))
        excused, forgotten = Peer([None]), Peer([7])
        for each in (still, moving, excused, forgotten):
            watched.watch(each)
        pass_time(loop, 3.0)
        watched.forget(forgotten)
        assert still.given_up == 0
        pass_time(loop, 20.0)
        assert [each.given_up for each in (still, moving, excused, forgotten)] == [1, 0, 0, 0]
        assert len(watched) == 2
        watched.close()
        assert len(watched) == 0
    finally:
        loop.close()


def test_a_peer_whose_turn_comes_late_has_its_whole_time():
    loop = virtualtime.VirtualLoop()
    try:
        watched = stalls.Stalls(loop, 4.0)
        peer = Peer([*[None] * 50, 1])
        watched.watch(peer)
        pass_time(loop, 40.0)
        assert peer.given_up == 0
        peer.steps = [1]
        pass_time(loop, 3.5)
        assert peer.given_up == 0
        pass_time(loop, 3.0)
        assert peer.given_up == 1
    finally:
        loop.close()
