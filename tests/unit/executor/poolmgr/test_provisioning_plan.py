"""How many pods are kept ahead of requests, when, and which."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fission.api import environment_types, function_types
from fission.executor import fscache
from fission.executor.poolmgr import pool
from fission.executor.poolmgr import provisioning_plan as plans

KEY = fscache.FunctionKey("uid-1", 1)
MONDAY = datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC)


def at(hour: int, minute: int = 0) -> datetime.datetime:
    return MONDAY + datetime.timedelta(hours=hour, minutes=minute)


def a_window(
    name: str = "day", start: str = "0 8 * * *", duration: str = "10h", target: int = 5
) -> function_types.ProvisionedWindow:
    return function_types.ProvisionedWindow(name, start, duration, target)


def a_function(*windows: function_types.ProvisionedWindow, target: int = 1, **spec: object):  # type: ignore[no-untyped-def]
    function = function_types.Function()
    function.metadata.generation = 3
    function.metadata.creation_timestamp = "2026-03-02T00:00:00Z"
    function.spec.provisioned_concurrency = function_types.ProvisionedConcurrency(
        target, list(windows)
    )
    for name, value in spec.items():
        setattr(function.spec, name, value)
    return function


def a_service(name: str, created_at: float = 0.0, *, once: bool = False) -> fscache.FunctionService:
    return fscache.FunctionService(
        KEY, f"{name}:8888", "default", name, f"uid-{name}", created_at, created_at, once=once
    )


@pytest.mark.parametrize(
    ("now", "count", "edge"),
    [
        (at(7, 59), 1, at(8)),
        (at(8), 5, at(18)),
        (at(17, 59), 5, at(18)),
        (at(18), 1, at(32)),
    ],
)
def test_a_window_is_open_from_its_start_for_its_duration(
    now: datetime.datetime, count: int, edge: datetime.datetime
) -> None:
    aim = plans.target(a_function(a_window()), None, 20, now)
    assert (aim.count, aim.next_edge) == (count, edge)


def test_of_open_windows_the_highest_counts_and_a_window_may_lower_the_base() -> None:
    night = a_window("night", "0 0 * * *", "6h", 0)
    noon = a_window("noon", "0 12 * * *", "1h", 9)
    function = a_function(night, a_window(), noon, target=2)
    counts = [plans.target(function, None, 20, at(hour)).count for hour in (3, 7, 11, 12, 13, 20)]
    assert counts == [0, 2, 5, 9, 5, 2]


def test_a_window_may_name_its_zone_and_count_from_the_functions_creation() -> None:
    berlin = a_function(a_window(start="CRON_TZ=Europe/Berlin 0 8 * * *"))
    assert plans.target(berlin, None, 20, at(7)).count == 5
    every = a_function(a_window(start="@every 24h", duration="1h"))
    assert plans.target(every, None, 20, at(24, 30)).count == 5
    assert plans.target(every, None, 20, at(25)).count == 1


def test_caps_lower_the_target_and_are_told() -> None:
    function = a_function(target=30)
    aim = plans.target(function, None, 20, MONDAY)
    assert (aim.asked, aim.count) == (30, 20)
    said = plans.report(function, aim, 20)
    assert (said.value, said.reason) == ("True", "ProvisionedClamped")
    assert "limit of 20" in said.message
    narrow = plans.target(a_function(target=30, concurrency=4), None, 20, MONDAY)
    assert (narrow.count, narrow.cap) == (4, "concurrency 4")


def test_a_window_that_cannot_be_read_leaves_the_others_and_is_told() -> None:
    function = a_function(a_window("odd", "61 8 * * *"), a_window())
    aim = plans.target(function, None, 20, at(9))
    assert aim.count == 5
    said = plans.report(function, aim, 5)
    assert (said.value, said.reason) == ("False", "InvalidSchedule")
    assert "window odd" in said.message
    assert "61" in said.message


def test_what_cannot_be_kept_says_why() -> None:
    shared = environment_types.Environment()
    shared.spec.allowed_functions_per_container = environment_types.INFINITE
    once = a_function(once_only=True)
    for function, environment, cap, word in (
        (once, None, 20, "onceOnly"),
        (a_function(), shared, 20, "shared"),
        (a_function(), None, 0, "turned off"),
    ):
        aim = plans.target(function, environment, cap, MONDAY)
        said = plans.report(function, aim, 0)
        assert (aim.count, said.value, said.reason) == (0, "False", "NotProvisionable")
        assert word in said.message


def test_the_report_goes_from_provisioning_to_provisioned_and_tells_failures() -> None:
    function = a_function(target=2)
    aim = plans.target(function, None, 20, MONDAY)
    said = [
        plans.report(function, aim, ready, text) for ready, text in ((0, ""), (1, "boom"), (2, ""))
    ]
    assert [(one.value, one.reason) for one in said] == [
        ("False", "Provisioning"),
        ("False", "ProvisioningFailed"),
        ("True", "Provisioned"),
    ]
    assert "boom" in said[1].message


@given(
    st.integers(0, 8),
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=10),
    st.integers(0, 4),
    st.sets(st.integers(0, 9)),
)
def test_never_more_than_the_target_is_kept_or_started(
    count: int, made: list[tuple[int, bool]], pending: int, before: set[int]
) -> None:
    services = [a_service(str(n), float(t), once=once) for n, (t, once) in enumerate(made)]
    kept = {f"uid-{n}" for n in before}
    chosen = plans.plan(count, services, len(services) + pending, kept)
    usable = {one.pod_uid for one in services if not one.once}
    assert chosen.kept <= usable
    assert len(chosen.kept) == min(count, len(usable))
    assert chosen.start == max(0, count - len(services) - pending)
    # What was kept goes on to be kept before anything else is.
    assert len(chosen.kept & kept) == min(count, len(usable & kept))
    # The same question has the same answer: nothing flaps.
    assert plans.plan(count, services, len(services) + pending, chosen.kept).kept == chosen.kept


@given(
    st.lists(st.tuples(st.integers(0, 23), st.integers(1, 30), st.integers(0, 6)), max_size=4),
    st.integers(0, 3 * 24 * 60),
)
def test_between_two_edges_the_target_does_not_change(
    windows: list[tuple[int, int, int]], minute: int
) -> None:
    function = a_function(
        *(a_window(f"w{n}", f"0 {h} * * *", f"{d}h", t) for n, (h, d, t) in enumerate(windows))
    )
    now = MONDAY + datetime.timedelta(minutes=minute)
    aim = plans.target(function, None, 20, now)
    if aim.next_edge is None:
        assert not windows
        return
    assert aim.next_edge > now
    just_before = aim.next_edge - datetime.timedelta(seconds=1)
    later = plans.target(function, None, 20, just_before)
    assert (later.count, later.window) == (aim.count, aim.window)


def test_waiting_after_failures_grows_to_a_minute() -> None:
    assert [plans.backoff_seconds(n) for n in (1, 2, 3, 7, 50)] == [1, 2, 4, 60, 60]


def test_who_stands_ahead_of_requests_comes_after_them_unless_one_waits_for_it() -> None:
    target = pool.Pool()
    target.request(1, "warm", ahead=True, further=True)
    target.request(2, "f")
    target.request(3, "g")
    for name in ("a", "b"):
        target.pod_ready(pool.GenericPod(f"uid-{name}", "default", name, "", ""))
    assert [ticket for ticket, _ in target.assignments()] == [2, 3]
    target.request(4, "f")
    assert target.asked_count == 1
    assert target.hurry("warm")
    assert not target.hurry("warm")
    assert target.asked_count == 2
    target.pod_ready(pool.GenericPod("uid-c", "default", "c", "", ""))
    target.pod_ready(pool.GenericPod("uid-d", "default", "d", "", ""))
    assert [ticket for ticket, _ in target.assignments()] == [4, 1]


def test_a_request_waits_for_the_pod_that_comes_ahead_where_there_may_be_no_other() -> None:
    cache, limits = fscache.FunctionServiceCache(), fscache.Limits(2, concurrency=1)
    assert cache.provision(KEY, limits)
    assert not cache.provision(KEY, limits)
    waiting = [cache.acquire(KEY, limits, 0.0) for _ in range(3)]
    assert [type(one) for one in waiting] == [fscache.Wait, fscache.Wait, fscache.Refuse]
    assert cache.is_ahead(KEY)
    service = a_service("a")
    granted = cache.specialized(service, 1.0, ahead=True)
    assert [one.ticket for one in granted] == [one.ticket for one in waiting[:2]]  # type: ignore[union-attr]
    assert service.active == 2
    assert not cache.is_ahead(KEY)


def test_a_request_that_may_have_a_pod_of_its_own_does_not_wait_for_one_that_comes_ahead() -> None:
    cache, limits = fscache.FunctionServiceCache(), fscache.Limits(4, concurrency=2)
    assert cache.provision(KEY, limits)
    assert isinstance(cache.acquire(KEY, limits, 0.0), fscache.Specialize)
    cache.failed(KEY, 0.0, ahead=True)
    assert cache.used(KEY) == 1
