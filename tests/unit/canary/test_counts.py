"""From metrics pages to what was counted in a window."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fission.api import canaryconfig_types
from fission.canary import counts, plan, sources

SUBJECT = counts.Subject("default", "v2", "/hello/{name}", frozenset(("GET", "HEAD")))


def a_line(metric: str, count: int, **changed: str) -> str:
    labels = {
        "function_namespace": "default",
        "function_name": "v2",
        "function_version": "",
        "path": "/hello/{name}",
        "method": "GET",
        "code": "200",
        **changed,
    }
    inner = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return f"{metric}{{{inner}}} {float(count)}"


PAGE = "\n".join(
    (
        "# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.",
        "process_start_time_seconds 1.7e+09",
        a_line(counts.CALLS, 7),
        a_line(counts.CALLS, 2, code="500"),
        a_line(counts.ERRORS, 2, code="500"),
        a_line(counts.CALLS, 100, method="POST"),
        a_line(counts.CALLS, 100, path="/fission-function/v2"),
        a_line(counts.CALLS, 100, function_namespace="other"),
        a_line(counts.CALLS, 100, function_name="v1"),
    )
)


def a_count(router: str, calls: int, errors: int = 0, started: str = "10.0"):  # type: ignore[no-untyped-def]
    return canaryconfig_types.RouterCount(router, started, calls, errors)


def test_only_calls_of_the_function_through_the_trigger_count() -> None:
    assert counts.read(PAGE, "r1", SUBJECT) == a_count("r1", 9, 2, "1.7e+09")
    anything = counts.Subject("default", "v2", "/hello/{name}")
    assert counts.read(PAGE, "r1", anything).calls == 109


@pytest.mark.parametrize(
    ("before", "after", "counted"),
    [
        ([a_count("a", 5, 1)], [a_count("a", 8, 2)], (3, 1)),
        # A process that was replaced in its pod, and one whose series were dropped, begin at 0.
        ([a_count("a", 5, 1)], [a_count("a", 8, 2, "60.0")], (8, 2)),
        ([a_count("a", 5, 1)], [a_count("a", 4)], (4, 0)),
        # A router that came in between, one that was there unseen, and one that went.
        ([a_count("a", 5)], [a_count("a", 6), a_count("b", 3, 1, "60.0")], (4, 1)),
        ([a_count("a", 5)], [a_count("a", 6), a_count("b", 3000, 1, "20.0")], (1, 0)),
        ([a_count("a", 5), a_count("b", 9)], [a_count("a", 6)], (1, 0)),
        ([], [a_count("a", 6000)], (0, 0)),
    ],
)
def test_what_was_counted_between_two_looks(before, after, counted) -> None:  # type: ignore[no-untyped-def]
    assert counts.difference(before, after, 50.0) == plan.Counted(*counted)


@given(
    st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from("cer"), max_size=12)),
    st.integers(0, 12),
)
def test_calls_are_never_counted_twice_nor_from_before_the_window(
    histories: dict[str, list[str]], begun: int
) -> None:
    """c: a call, e: a call that failed, r: the process is replaced; time is the index."""
    before, after, most, certain = [], [], 0, 0
    for router, history in histories.items():
        state = a_count(router, 0, 0, "-1.0")
        seen = None
        for time, happened in enumerate([*history, "."]):
            if time == min(begun, len(history)):
                seen = a_count(router, state.calls, state.errors, state.started)
            if happened == "r":
                state = a_count(router, 0, 0, str(float(time)))
            elif happened in "ce":
                state.calls += 1
                state.errors += happened == "e"
        within = history[begun:]
        most += sum(one in "ce" for one in within)
        tail = within[len(within) - within[::-1].index("r") :] if "r" in within else within
        certain += sum(one in "ce" for one in tail)
        assert seen is not None
        before.append(seen)
        after.append(state)
    found = counts.difference(before, after, float(begun))
    assert found.calls == certain <= most
    assert found.errors <= found.calls


def test_prometheus_is_asked_for_the_same_calls_over_the_window() -> None:
    assert sources.expression(counts.CALLS, SUBJECT, 119.2) == (
        'sum(increase(fission_function_calls_total{function_name="v2",'
        'function_namespace="default",path="/hello/{name}",method=~"GET|HEAD"}[120s]))'
    )


def test_what_prometheus_answers() -> None:
    def answer(*values: str) -> str:
        found = [{"metric": {}, "value": [1.0, value]} for value in values]
        return json.dumps({"status": "success", "data": {"resultType": "vector", "result": found}})

    assert [sources.read_answer(answer(*one)) for one in ((), ("12.4",), ("NaN",))] == [0, 12, 0]
    for text in ("<html>", "{}", json.dumps({"status": "error", "error": "bad query"})):
        with pytest.raises(sources.Unavailable):
            sources.read_answer(text)


def test_routers_are_told_apart_by_their_pods() -> None:
    one = {
        "ports": [{"name": "http", "port": 8888}],
        "endpoints": [
            {"addresses": ["10.0.0.2"], "targetRef": {"name": "router-b"}},
            {"addresses": ["10.0.0.1"], "targetRef": {"name": "router-a"}},
            {"addresses": ["10.0.0.3"], "conditions": {"ready": False}},
        ],
    }
    assert sources.named_urls([one], "http") == {
        "router-a": "http://10.0.0.1:8888",
        "router-b": "http://10.0.0.2:8888",
    }
