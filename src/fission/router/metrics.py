"""What the router counts. Plain dictionaries on the path of requests; Prometheus on demand."""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Final

from prometheus_client import core, registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fission.router import targets

BUCKETS: Final = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)
DURATIONS: Final = (
    0.001,
    0.0015,
    0.0025,
    0.005,
    0.0075,
    0.01,
    0.015,
    0.025,
    0.05,
    0.075,
    0.1,
    0.15,
    0.25,
    0.5,
    0.75,
    1.0,
    1.5,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
)
"""Closer: percentiles are estimated between them."""
LABELS: Final = (
    "function_namespace",
    "function_name",
    "function_version",
    "path",
    "method",
    "code",
)
Key = tuple[str, str]
"""Namespace and name of a function."""
Labels = tuple[str, str, str, str]
"""The others."""

_METHODS: Final = frozenset(
    ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
)


class Metrics(registry.Collector):
    """Counters of this process."""

    def __init__(self) -> None:
        self._calls: dict[Key, dict[Labels, int]] = {}
        self._overhead: dict[Key, list[float]] = {}
        self._duration: dict[Key, list[float]] = {}
        self._failures: dict[tuple[str, str], int] = {}
        self.table_applies = 0
        self.routes: Callable[[], int] = lambda: 0
        self.tap_failures: Callable[[], int] = lambda: 0

    def called(
        self,
        target: targets.Target,
        path: str,
        method: str,
        code: int,
        overhead_seconds: float,
        seconds: float,
    ) -> None:
        """A request to a function ended, after ``seconds`` in all."""
        shown = method if method in _METHODS else "other"
        labels = ("", path, shown, str(code))
        key = (target.namespace, target.name)
        calls = self._calls.get(key)
        if calls is None:
            calls = self._calls[key] = {}
        calls[labels] = calls.get(labels, 0) + 1
        counts = self._overhead.get(key)
        if counts is None:
            counts = self._overhead[key] = [0.0] * (len(BUCKETS) + 2)
            self._duration[key] = [0.0] * (len(DURATIONS) + 2)
        counts[bisect.bisect_left(BUCKETS, overhead_seconds)] += 1
        counts[-1] += overhead_seconds
        counts = self._duration[key]
        counts[bisect.bisect_left(DURATIONS, seconds)] += 1
        counts[-1] += seconds

    def failed(self, component: str, reason: str) -> None:
        """The platform could not give a function's answer."""
        key = (component, reason)
        self._failures[key] = self._failures.get(key, 0) + 1

    def forget(self, namespace: str, name: str) -> None:
        """A function was deleted: its series end, so that they stay bounded."""
        self._calls.pop((namespace, name), None)
        self._overhead.pop((namespace, name), None)
        self._duration.pop((namespace, name), None)

    def collect(self) -> Iterator[core.Metric]:
        """Everything, in Prometheus' terms."""
        for name, text, least in (
            ("fission_function_calls", "Requests to functions.", 0),
            ("fission_function_errors", "Requests answered with 400 or above.", 400),
        ):
            family = core.CounterMetricFamily(name, text, labels=LABELS)
            for function, calls in list(self._calls.items()):
                for labels, count in list(calls.items()):
                    if int(labels[-1]) >= least:
                        family.add_metric((*function, *labels), count)
            yield family
        yield _histogram(
            "fission_function_overhead_seconds",
            "Time from a request's arrival until its pod got it.",
            BUCKETS,
            self._overhead,
        )
        yield _histogram(
            "fission_function_duration_seconds",
            "Time from a request's arrival until its end.",
            DURATIONS,
            self._duration,
        )
        family = core.CounterMetricFamily(
            "fission_invocation_failures",
            "Requests that the platform answered instead of the function.",
            labels=("component", "reason"),
        )
        for key, count in list(self._failures.items()):
            family.add_metric(key, count)
        yield family
        yield core.CounterMetricFamily(
            "fission_router_route_table_applies", "Route tables built.", value=self.table_applies
        )
        yield core.GaugeMetricFamily("fission_router_routes", "Routes served.", value=self.routes())
        yield core.CounterMetricFamily(
            "fission_router_tap_flush_errors", "Reports of use that failed.", self.tap_failures()
        )


def _histogram(
    name: str, text: str, bounds: tuple[float, ...], functions: dict[Key, list[float]]
) -> core.Metric:
    """Per function how many times were up to each bound or above all, and their sum."""
    family = core.HistogramMetricFamily(name, text, labels=LABELS[:2])
    for key, counts in list(functions.items()):
        total = 0.0
        buckets = []
        for bound, count in zip((*bounds, None), counts[:-1], strict=True):
            total += count
            buckets.append(("+Inf" if bound is None else str(bound), total))
        family.add_metric(key, buckets, sum_value=counts[-1])
    return family
