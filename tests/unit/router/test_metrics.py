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
        counts.called(target, f"/{name}", "GET", code, 0.001)
    assert series(counts, "fission_function_calls") == {
        ("f", "200"): 2,
        ("f", "404"): 1,
        ("g", "500"): 1,
    }
    assert series(counts, "fission_function_errors") == {("f", "404"): 1, ("g", "500"): 1}
    counts.forget("default", "f")
    assert series(counts, "fission_function_calls") == {("g", "500"): 1}
    assert series(counts, "fission_function_errors") == {("g", "500"): 1}
