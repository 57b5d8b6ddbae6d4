"""What is counted of requests, and for how long."""

import types

from fission.router import metrics


def series(counts: metrics.Metrics, name: str) -> dict[tuple[str, str], int]:
    (family,) = (each for each in counts.collect() if each.name == name)
    return {
        (each.labels["function_name"], each.labels["code"]): int(each.value)
        for each in family.samples
    }


def test_calls_are_counted_until_their_function_goes():
    counts = metrics.Metrics()
    for name, code in (("f", 200), ("f", 200), ("f", 404), ("g", 500)):
        target = types.SimpleNamespace(namespace="default", name=name)
        counts.called(target, f"/{name}", "GET", code, 0.001, 0.5)
    assert series(counts, "fission_function_calls") == {
        ("f", "200"): 2,
        ("f", "404"): 1,
        ("g", "500"): 1,
    }
    assert series(counts, "fission_function_errors") == {("f", "404"): 1, ("g", "500"): 1}
    counts.forget("default", "f")
    assert series(counts, "fission_function_calls") == {("g", "500"): 1}
    assert series(counts, "fission_function_errors") == {("g", "500"): 1}


def test_how_long_requests_took_is_a_histogram_of_their_function():
    counts = metrics.Metrics()
    target = types.SimpleNamespace(namespace="default", name="f")
    for seconds in (0.001, 0.004, 0.2, 100.0):
        counts.called(target, "/f", "GET", 200, 0.0001, seconds)

    (family,) = (
        each for each in counts.collect() if each.name == "fission_function_duration_seconds"
    )
    found = {each.labels.get("le", each.name): each.value for each in family.samples}

    assert [found[bound] for bound in ("0.001", "0.0025", "0.005", "0.25", "60.0", "+Inf")] == [
        1, 1, 2, 3, 3, 4,
    ]  # fmt: skip
    assert found["fission_function_duration_seconds_sum"] == 100.205
    counts.forget("default", "f")
    assert not any("f" in each.labels.values() for one in counts.collect() for each in one.samples)
