"""Generic pods and who gets them."""

from __future__ import annotations

import dataclasses

from fission.executor.poolmgr import pool


def a_pod(name: str, runtime_hash: str = "h1") -> pool.GenericPod:
    return pool.GenericPod(
        f"uid-{name}", "default", name, f"{name}:8000", f"{name}:8888", runtime_hash
    )


def given(target: pool.Pool) -> list[tuple[int, str]]:
    return [(ticket, pod.name) for ticket, pod in target.assignments()]


def test_a_request_gets_a_ready_pod() -> None:
    target = pool.Pool()
    target.pod_ready(a_pod("a"))
    target.request(1, "f")
    assert given(target) == [(1, "a")]


def test_a_request_without_a_pod_waits_for_the_next_one() -> None:
    target = pool.Pool()
    target.request(1, "f")
    assert given(target) == []
    target.pod_ready(a_pod("a"))
    assert given(target) == [(1, "a")]


def test_a_taken_pod_is_not_offered_again_while_its_labels_are_old() -> None:
    target = pool.Pool()
    target.pod_ready(a_pod("a"))
    target.request(1, "f")
    target.assignments()
    target.pod_ready(a_pod("a"))
    target.request(2, "f")
    assert given(target) == []


def test_functions_take_turns() -> None:
    target = pool.Pool()
    for ticket in (1, 2, 3):
        target.request(ticket, "greedy")
    target.request(4, "modest")
    for name in ("a", "b", "c", "d"):
        target.pod_ready(a_pod(name))
    assert given(target) == [(1, "a"), (4, "b"), (2, "c"), (3, "d")]


def test_a_cancelled_request_gets_nothing() -> None:
    target = pool.Pool()
    target.request(1, "f")
    target.request(2, "f")
    target.cancel(1)
    target.pod_ready(a_pod("a"))
    assert given(target) == [(2, "a")]
    assert target.waiting_count == 0


def test_only_pods_of_the_present_runtime_are_given_out() -> None:
    target = pool.Pool()
    target.runtime_hash = "h2"
    target.pod_ready(a_pod("old", "h1"))
    target.request(1, "f")
    assert given(target) == []
    target.pod_ready(a_pod("new", "h2"))
    assert given(target) == [(1, "new")]


def test_a_pod_that_was_put_back_is_offered_again() -> None:
    target = pool.Pool()
    target.pod_ready(a_pod("a"))
    target.request(1, "f")
    [(_, pod)] = target.assignments()
    target.put_back(pod)
    target.request(2, "g")
    assert given(target) == [(2, "a")]


def test_a_shared_pool_gives_the_same_pod_to_everybody() -> None:
    target = pool.Pool(shared=True)
    target.pod_ready(a_pod("a"))
    target.request(1, "f")
    target.request(2, "g")
    assert given(target) == [(1, "a"), (2, "a")]


def test_an_unready_pod_is_not_given_out() -> None:
    target = pool.Pool()
    target.pod_ready(a_pod("a"))
    target.pod_unready("uid-a")
    target.request(1, "f")
    assert given(target) == []


def test_the_last_pod_is_kept_for_a_function_that_has_none() -> None:
    target = pool.Pool()
    target.reserve = 1
    for name in "abc":
        target.pod_ready(a_pod(name))
    target.request(1, "burst")
    for ticket in (2, 3, 4):
        target.request(ticket, "burst", further=True)
    assert given(target) == [(1, "a"), (2, "b")]
    target.request(9, "other")
    assert given(target) == [(9, "c")]


def test_a_pool_asks_for_a_pod_for_each_request_that_no_starting_pod_is_for() -> None:
    target = pool.Pool()
    target.pod_unready("uid-a")
    for ticket in range(5):
        target.request(ticket, "f")
    assert target.wanted(64, 60.0) == 4
    for _ in range(4):
        target.pod_asked(0.0)
    assert target.wanted(64, 60.0) == 0
    target.pod_answered("uid-b")
    target.pod_answered(None)
    assert target.starting_count == 4
    assert target.wanted(64, 60.0) == 1
    assert target.wanted(4, 60.0) == 0


def test_a_pod_that_was_ready_before_the_answer_came_is_not_starting() -> None:
    target = pool.Pool()
    target.pod_asked(0.0)
    target.pod_ready(a_pod("a"))
    target.pod_answered("uid-a")
    assert target.starting_count == 0


def test_pods_of_an_old_runtime_are_not_waited_for() -> None:
    target = pool.Pool()
    target.runtime_hash = "h2"
    target.pod_unready("uid-a", "h1")
    target.pod_unready("uid-b", "h2")
    target.request(1, "f")
    target.request(2, "f")
    assert target.wanted(64, 0.0) == 1


def test_extra_pods_that_nobody_needs_are_retired_and_given_to_nobody() -> None:
    target = pool.Pool()
    target.pod_ready(a_pod("own"))
    for name in "xyz":
        target.pod_ready(dataclasses.replace(a_pod(name), extra=True))
    assert target.surplus(2) == ["uid-x", "uid-y"]
    assert target.retire("uid-x")
    assert not target.retire("uid-x")
    target.pod_ready(dataclasses.replace(a_pod("x"), extra=True))
    for ticket in range(4):
        target.request(ticket, f"f{ticket}")
    assert [name for _, name in given(target)] == ["own", "y", "z"]
    assert target.surplus(0) == []


def test_extra_pods_of_an_old_runtime_go_first() -> None:
    target = pool.Pool()
    target.runtime_hash = "h2"
    target.pod_ready(dataclasses.replace(a_pod("old", "h1"), extra=True))
    target.pod_ready(a_pod("new", "h2"))
    assert target.surplus(3) == ["uid-old"]


def test_pods_that_only_need_a_processor_start_a_few_at_a_time() -> None:
    target = pool.Pool()
    for ticket in range(60):
        target.request(ticket, "f")
    some = pool.FAST_STARTS_AT_ONCE
    assert target.wanted(64, 0.0) == some
    for _ in range(some):
        target.pod_asked(0.0)
    assert target.wanted(64, 0.9) == 0
    assert target.wanted(64, 1.0) == some
    assert target.wanted(64, 60.0) == 60 - some


def test_a_gentle_burst_grows_by_one_pod_at_a_time_and_then_waits() -> None:
    target = pool.Pool()
    for ticket in range(60):
        target.request(ticket, "f", further=True)
    assert target.wanted(64, 10.0, gentle=True) == 1
    target.pod_asked(10.0)
    early = 10.0 + pool.GENTLE_EVERY_SECONDS / 2
    assert target.wanted(64, early, gentle=True) == 0
    assert target.wanted(64, 2 * early - 10.0, gentle=True) == 1
    assert target.wanted(64, early) == pool.FAST_STARTS_AT_ONCE - 1


def test_a_gentle_burst_asks_for_no_more_than_wait() -> None:
    target = pool.Pool()
    target.request(1, "f", further=True)
    target.pod_unready("uid-a")
    assert target.wanted(64, 10.0, gentle=True) == 0


def test_pods_known_to_be_slow_are_not_started_gently() -> None:
    target = pool.Pool()
    target.pod_ready(dataclasses.replace(a_pod("a"), extra=True, start_seconds=3.0))
    for ticket in range(61):
        target.request(ticket, "f", further=True)
    target.assignments()
    assert target.wanted(64, 0.0, gentle=True) == 60


def test_who_is_in_line_only_for_more() -> None:
    target = pool.Pool()
    assert target.only_further == set()
    target.request(1, "f", further=True)
    target.request(2, "g", ahead=True)
    assert target.only_further == {"f", "g"}
    target.request(3, "h")
    assert target.only_further == set()
    target.cancel(3)
    assert target.only_further == {"f", "g"}


def test_slow_starts_of_a_fast_node_are_a_sign_of_load() -> None:
    target = pool.Pool()
    target.pod_ready(dataclasses.replace(a_pod("a"), extra=True, start_seconds=0.0))
    for ticket in range(61):
        target.request(ticket, "f")
    target.assignments()
    target.pod_asked(0.0)
    assert target.wanted(64, 60.0) == 2 * pool.FAST_STARTS_AT_ONCE - 1
    target.pod_ready(dataclasses.replace(a_pod("b"), extra=True, start_seconds=9.0))
    target.assignments()
    assert target.wanted(64, 60.0) == 2 * pool.FAST_STARTS_AT_ONCE - 1


def test_pods_known_to_be_slow_start_all_at_once() -> None:
    target = pool.Pool()
    target.pod_ready(dataclasses.replace(a_pod("a"), extra=True, start_seconds=3.0))
    for ticket in range(61):
        target.request(ticket, "f")
    target.assignments()
    assert target.wanted(64, 0.0) == 60


def test_a_pod_that_went_before_the_answer_came_is_not_waited_for() -> None:
    target = pool.Pool()
    target.pod_asked(0.0)
    target.pod_unready("uid-x", now=0.1)
    target.pod_gone("uid-x")
    target.pod_answered("uid-x")
    assert target.starting_count == 0
    assert target.is_empty


def test_a_pod_that_becomes_ready_after_it_was_retired_is_given_to_nobody() -> None:
    target = pool.Pool()
    target.pod_unready("uid-a", "h1")
    assert target.retire("uid-a")
    target.pod_ready(a_pod("a"))
    target.request(1, "f")
    assert given(target) == []
    assert not target.retire("uid-a")


def test_a_pool_whose_environment_becomes_shared_keeps_its_pods_in_the_pool() -> None:
    target = pool.Pool()
    target.pod_ready(a_pod("a"))
    target.shared = True
    target.request(1, "f")
    target.request(2, "g")
    assert given(target) == [(1, "a"), (2, "a")]
