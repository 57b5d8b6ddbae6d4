"""Pods on their way out stay for what they were given, and not longer."""

from __future__ import annotations

from fission.executor.workload import lingering
from tests.unit.executor.workload import samples

POD = samples.a_pod(going=True)


def test_a_silent_pod_goes_after_longer_than_routers_need_to_report() -> None:
    known = lingering.Lingering()
    assert known.plan([POD], 100.0) == []
    assert known.plan([POD], 100.0 + lingering.SILENCE_SECONDS - 0.1) == []
    assert known.plan([POD], 100.0 + lingering.SILENCE_SECONDS) == [POD]


def test_a_request_in_flight_keeps_it() -> None:
    known = lingering.Lingering()
    known.plan([POD], 100.0)
    for now in (105.0, 110.0, 115.0):
        known.used("127.1.2.3:8888", now)
        assert known.plan([POD], now + 4.9) == []
    assert known.plan([POD], 122.0) == [POD]


def test_use_of_another_pod_does_not() -> None:
    known = lingering.Lingering()
    known.plan([POD], 100.0)
    known.used("127.9.9.9:8888", 106.0)
    assert known.plan([POD], 107.0) == [POD]


def test_use_by_name_may_mean_any_pod() -> None:
    known = lingering.Lingering()
    known.plan([POD], 100.0)
    known.used("newdeploy-hello-default-1.default", 106.0)
    assert known.plan([POD], 107.0) == []
    assert known.plan([POD], 113.0) == [POD]


def test_a_pod_that_has_gone_is_forgotten() -> None:
    known = lingering.Lingering()
    known.plan([POD], 100.0)
    known.plan([], 101.0)
    assert known.plan([POD], 200.0) == []
