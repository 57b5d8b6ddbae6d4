"""How many pods: between the bounds, to zero when idle, from zero when somebody waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fission.executor.workload import scaling
from tests.unit.executor.workload import samples

USED = scaling.Need(waiting=False, idle_seconds=1.0)
IDLE = scaling.Need(waiting=False, idle_seconds=1000.0)
WAITING = scaling.Need(waiting=True, idle_seconds=1000.0)


@pytest.mark.parametrize(
    ("scale", "current", "need", "expected"),
    [
        ((0, 3), None, WAITING, 1),
        ((2, 3), None, USED, 2),
        ((0, 3), 0, USED, 0),
        ((0, 3), 0, WAITING, 1),
        ((2, 3), 0, WAITING, 2),
        ((2, 3), 0, IDLE, 2),
        ((0, 3), 3, IDLE, 0),
        ((1, 3), 3, IDLE, 1),
        ((0, 3), 3, WAITING, 3),
        ((0, 3), 2, USED, 2),
        ((2, 4), 1, USED, 2),
        ((0, 3), 7, USED, 3),
        ((0, 0), 1, USED, 1),
    ],
)
def test_replicas(
    scale: tuple[int, int], current: int | None, need: scaling.Need, expected: int
) -> None:
    function = samples.a_function(scale=scale)
    assert scaling.plan_replicas(function.spec, current, need) == expected


def test_idleness_is_proven_by_silence_longer_than_routers_report() -> None:
    spec = samples.a_function(idle_timeout=0).spec
    assert not scaling.is_idle(spec, scaling.Need(waiting=False, idle_seconds=6.0))
    assert scaling.is_idle(spec, scaling.Need(waiting=False, idle_seconds=8.0))
    assert not scaling.is_idle(spec, scaling.Need(waiting=True, idle_seconds=8.0))


@given(
    least=st.integers(0, 5),
    more=st.integers(0, 5),
    current=st.none() | st.integers(0, 20),
    waiting=st.booleans(),
    idle=st.floats(0, 1e6),
)
def test_the_bounds_hold_and_nobody_waits_in_vain(
    least: int, more: int, current: int | None, waiting: bool, idle: float
) -> None:
    spec = samples.a_function(scale=(least, least + more)).spec
    need = scaling.Need(waiting, idle)
    found = scaling.plan_replicas(spec, current, need)
    assert found >= least
    assert found <= max(least + more, 1)
    if waiting:
        assert found >= 1
    # What is decided stands: the next look decides the same.
    assert scaling.plan_replicas(spec, found, need) == found
