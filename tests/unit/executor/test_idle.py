"""Which idle pods are given back."""

from __future__ import annotations

import pytest

from fission.executor import fscache, idle


def a_service(
    name: str, last_used_at: float, *, active: int = 0, once: bool = False
) -> fscache.FunctionService:
    return fscache.FunctionService(
        fscache.FunctionKey("uid-1", 1),
        f"{name}:8888",
        "default",
        name,
        f"uid-{name}",
        0.0,
        last_used_at,
        active=active,
        once=once,
    )


def names(services: list[fscache.FunctionService]) -> list[str]:
    return [service.pod for service in services]


def test_a_pod_idle_for_longer_than_the_timeout_goes() -> None:
    services = [a_service("old", 0.0), a_service("recent", 50.0)]
    assert names(idle.plan_reap(services, idle.Policy(120.0), 121.0)) == ["old"]


def test_a_pod_that_serves_a_request_stays() -> None:
    services = [a_service("busy", 0.0, active=1)]
    services[0].lease_seconds = 1000.0
    assert idle.plan_reap(services, idle.Policy(120.0), 500.0) == []


def test_retained_pods_are_the_most_recently_used() -> None:
    services = [a_service("a", 1.0), a_service("b", 3.0), a_service("c", 2.0)]
    assert names(idle.plan_reap(services, idle.Policy(120.0, retain_pods=2), 500.0)) == ["a"]


def test_a_spent_pod_is_not_retained() -> None:
    services = [a_service("spent", 1.0, once=True), a_service("usable", 0.0)]
    assert names(idle.plan_reap(services, idle.Policy(120.0, retain_pods=2), 500.0)) == ["spent"]


@pytest.mark.parametrize(("timeout", "drain"), [(1, 30), (60, 60), (3600, 300)])
def test_draining_takes_as_long_as_a_request_may_within_bounds(timeout: int, drain: int) -> None:
    assert idle.drain_seconds(timeout) == drain
