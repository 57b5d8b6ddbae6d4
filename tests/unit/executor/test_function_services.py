"""When a function's Service is there, and when it goes."""

from __future__ import annotations

from fission.executor import function_services

KEY = "default/hello"


def test_nothing_is_counted_for_a_function_that_was_never_called() -> None:
    kept = function_services.Kept()
    assert kept.seconds_left(KEY, has_pods=False, has_service=False, now=1.0) == 0
    assert len(kept) == 0


def test_a_service_outlives_the_last_pod_for_a_while() -> None:
    kept = function_services.Kept()
    whole = function_services.KEPT_SECONDS
    assert kept.seconds_left(KEY, has_pods=False, has_service=True, now=10.0) == whole
    assert kept.seconds_left(KEY, has_pods=False, has_service=True, now=110.0) == whole - 100
    assert kept.seconds_left(KEY, has_pods=False, has_service=True, now=10.0 + whole) == 0
    kept.seconds_left(KEY, has_pods=False, has_service=False, now=11.0 + whole)
    assert len(kept) == 0


def test_a_pod_begins_the_count_anew() -> None:
    kept = function_services.Kept()
    whole = function_services.KEPT_SECONDS
    kept.seconds_left(KEY, has_pods=False, has_service=True, now=0.0)
    assert kept.seconds_left(KEY, has_pods=True, has_service=True, now=500.0) == 0
    assert kept.seconds_left(KEY, has_pods=False, has_service=True, now=1000.0) == whole
