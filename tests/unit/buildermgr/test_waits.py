"""How long packages have waited for their builders."""

from __future__ import annotations

from fission.buildermgr import builders, waits
from tests.unit.buildermgr import samples

STARTING = builders.Waiting("starting", hopeless=False, name="python-42")
STUCK = builders.Waiting("stuck", hopeless=True, name="python-42")


def test_a_wait_ends_when_the_builder_is_ready() -> None:
    known = waits.Waits()
    assert known.observe("p", STARTING, 10) == (0, 0)
    assert known.observe("p", STARTING, 15) == (5, 0)
    assert known.observe("q", STARTING, 15) == (0, 0)
    assert known.observe("p", samples.TARGET, 16) == (0, 0)
    assert known.observe("p", STARTING, 20) == (0, 0)
    known.forget("p")
    assert known.observe("p", STARTING, 25) == (0, 0)
    assert known.observe("p", None, 30) == (0, 0)


def test_a_builder_that_tries_again_stays_hopeless() -> None:
    known = waits.Waits()
    known.observe("p", STARTING, 0)
    known.observe("p", STUCK, 5)
    known.observe("p", STARTING, 10)
    assert known.observe("p", STUCK, 20) == (20, 15)


def test_another_builder_is_another_wait() -> None:
    known = waits.Waits()
    known.observe("p", builders.Waiting("being created", hopeless=False), 0)
    assert known.observe("p", STUCK, 5) == (5, 0)
    newer = builders.Waiting("stuck", hopeless=True, name="python-50")
    assert known.observe("p", newer, 50) == (0, 0)
