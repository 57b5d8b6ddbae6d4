import math

import pytest

from fission.cli import activity, errors
from fission.contracts import activity as wire

F, G = ("default", "f"), ("default", "g")


def counts(key, calls=0.0, failed=0.0, cold=0.0, **buckets):
    found = {"+Inf" if name == "inf" else name[2:].replace("_", "."): value
             for name, value in buckets.items()}  # fmt: skip
    return wire.Counts(*key, calls, failed, found, cold)


def look(at, *processes, pods=()):
    return activity.Look(at, processes, dict(pods))


def router(*functions, name="router-1", started=1.0):
    return wire.Process(name, started, list(functions))


def test_a_function_between_two_looks():
    before = look(100, router(counts(F, 10, 1, le0_1=10, le1=10, inf=10)))
    after = look(
        102,
        router(counts(F, 30, 5, le0_1=20, le1=30, inf=30)),
        wire.Process("executor-1", 1.0, [counts(F, cold=3)]),
        pods={F: (1, 2)},
    )

    assert activity.rows(before, after)[0].document() == {
        "name": "f",
        "namespace": "default",
        "callsPerSecond": 10.0,
        "errorsPerSecond": 2.0,
        "p50Ms": pytest.approx(100.0),
        "p99Ms": pytest.approx(982.0),
        "podsReady": 1,
        "pods": 2,
        "coldStarts": 3,
        "calls": 30,
        "errors": 5,
    }


def test_functions_that_are_known_or_have_pods_have_a_row_without_calls():
    found = activity.rows(look(0), look(1, pods={G: (0, 1)}), [F])

    assert [(row.name, row.cells(wide=False)) for row in found] == [
        ("f", ("f", "0", "0", "<none>", "<none>", "0/0", 0, "default")),
        ("g", ("g", "0", "0", "<none>", "<none>", "0/1", 0, "default")),
    ]


def test_several_routers_add_up():
    before = look(0, router(counts(F, 1)), router(counts(F, 2), name="router-2"))
    after = look(1, router(counts(F, 2)), router(counts(F, 4), name="router-2"))

    assert activity.rows(before, after)[0].calls == 3


@pytest.mark.parametrize(
    ("before", "after", "calls"),
    [
        pytest.param(router(counts(F, 50)), router(counts(F, 7), started=101.0), 7, id="restarted"),
        pytest.param(router(counts(F, 50)), router(counts(F, 7)), 7, id="function made again"),
        pytest.param(None, router(counts(F, 7), started=101.0), 7, id="new"),
        pytest.param(None, router(counts(F, 7), started=50.0), 0, id="not looked at before"),
        pytest.param(router(counts(G, 5)), router(counts(F, 7)), 7, id="first calls"),
    ],
)
def test_counters_that_began_again(before, after, calls):
    first = look(100, *([before] if before else []))

    assert next(row for row in activity.rows(first, look(102, after)) if row.name == "f").calls == (
        calls
    )


@pytest.mark.parametrize(
    ("buckets", "share", "value"),
    [
        ({}, 0.5, None),
        ({1.0: 0.0, math.inf: 0.0}, 0.5, None),
        ({1.0: 10.0, math.inf: 10.0}, 0.5, 0.5),
        ({1.0: 0.0, 3.0: 10.0, math.inf: 10.0}, 0.5, 2.0),
        ({1.0: 5.0, 3.0: 5.0, math.inf: 10.0}, 0.99, 3.0),
    ],
)
def test_a_percentile_lies_within_its_bucket(buckets, share, value):
    assert activity.percentile(buckets, share) == value


def test_rows_are_sorted_as_asked():
    quick = activity.Row("default", "quick", calls=100, p99=0.001)
    slow = activity.Row("default", "slow", calls=1, p99=2.0, pods=3)

    assert activity.arranged([slow, quick], "rate") == [quick, slow]
    assert activity.arranged([quick, slow], "p99") == [slow, quick]
    assert activity.arranged([slow, quick], "name") == [quick, slow]
    with pytest.raises(errors.UsageError, match="valid values are rate, errors, p50, p99, pods"):
        activity.arranged([], "size")


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.5, "0.50"), (12.34, "12.3"), (1234.5, "1234")]
)
def test_rates(value, text):
    assert activity.format_rate(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "<none>"), (0.0012, "1.2ms"), (0.25, "250ms"), (1.25, "1.2s"), (60.0, "60s")],
)
def test_times(value, text):
    assert activity.format_time(value) == text
