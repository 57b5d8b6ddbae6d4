"""From two looks at what routers and executors have counted to the rows of ``fission top``. Pure.

A process that began between the looks counts from 0, and so does one that dropped a function's
series; of one that was there before and was not looked at nothing is known, and it is left out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fission.cli import errors, output
from fission.contracts import activity

Key = activity.Key

HEADER: Final = ("NAME", "CALLS/S", "ERRORS/S", "P50", "P99", "PODS", "COLD_STARTS", "NAMESPACE")
WIDE: Final = ("CALLS", "ERRORS")
_HALF, _MOST = 0.5, 0.99


@dataclass(frozen=True)
class Look:
    """What there was at one moment."""

    at: float
    """Seconds since the epoch."""
    processes: Sequence[activity.Process] = ()
    pods: Mapping[Key, tuple[int, int]] = field(default_factory=dict)
    """Of each function those that are ready, and all."""


@dataclass(frozen=True)
class Row:
    """One function between two looks."""

    namespace: str
    name: str
    calls: float = 0
    errors: float = 0
    seconds: float = 1.0
    p50: float | None = None
    """In seconds; None without a call."""
    p99: float | None = None
    pods_ready: int = 0
    pods: int = 0
    cold_starts: int = 0
    """Since the executor began."""
    total_calls: int = 0
    """Since the routers began."""
    total_errors: int = 0

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.calls / self.seconds

    @property
    def error_rate(self) -> float:
        """Errors per second."""
        return self.errors / self.seconds

    def cells(self, wide: bool) -> tuple[Any, ...]:
        """A line of the table."""
        cells = (
            self.name,
            format_rate(self.rate),
            format_rate(self.error_rate),
            format_time(self.p50),
            format_time(self.p99),
            f"{self.pods_ready}/{self.pods}",
            self.cold_starts,
            self.namespace,
        )
        return (*cells, self.total_calls, self.total_errors) if wide else cells

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.name,
            "namespace": self.namespace,
            "callsPerSecond": round(self.rate, 3),
            "errorsPerSecond": round(self.error_rate, 3),
            "p50Ms": _milliseconds(self.p50),
            "p99Ms": _milliseconds(self.p99),
            "podsReady": self.pods_ready,
            "pods": self.pods,
            "coldStarts": self.cold_starts,
            "calls": self.total_calls,
            "errors": self.total_errors,
        }


_ORDERS: Final[dict[str, Callable[[Row], float]]] = {
    "rate": lambda row: row.rate,
    "errors": lambda row: row.error_rate,
    "p50": lambda row: row.p50 or 0,
    "p99": lambda row: row.p99 or 0,
    "pods": lambda row: row.pods,
    "cold-starts": lambda row: row.cold_starts,
    "name": lambda row: 0,
}
SORTS: Final = tuple(_ORDERS)


def rows(before: Look, after: Look, known: Iterable[Key] = ()) -> list[Row]:
    """A row for each function that is known, has a pod, or was called."""
    seconds = max(after.at - before.at, 1e-9)
    gained: dict[Key, _Sum] = {}
    totals: dict[Key, _Sum] = {}
    earlier = {process.process: process for process in before.processes}
    for process in after.processes:
        base = _base(earlier.get(process.process), process, before.at)
        for counts in process.functions:
            key = counts.namespace, counts.name
            totals.setdefault(key, _Sum()).add(counts)
            if base is not None:
                gained.setdefault(key, _Sum()).add(counts, base.get(key))
    return [
        _row(key, seconds, gained.get(key, _Sum()), totals.get(key, _Sum()), after.pods.get(key))
        for key in sorted({*known, *after.pods, *totals})
    ]


def _base(
    earlier: activity.Process | None, process: activity.Process, since: float
) -> dict[Key, activity.Counts] | None:
    """What to subtract; None when that is not known."""
    if earlier is not None and earlier.started == process.started:
        return {(counts.namespace, counts.name): counts for counts in earlier.functions}
    return {} if earlier is not None or process.started >= since else None


class _Sum:
    """Counts of one function over all processes."""

    def __init__(self) -> None:
        self.calls = self.errors = self.cold_starts = 0.0
        self.buckets: dict[float, float] = {}

    def add(self, counts: activity.Counts, base: activity.Counts | None = None) -> None:
        """Take in what a process counted beyond a base."""
        if base is None or counts.calls < base.calls or counts.cold_starts < base.cold_starts:
            base = activity.Counts("", "")
        self.calls += counts.calls - base.calls
        self.errors += max(0.0, counts.errors - base.errors)
        self.cold_starts += counts.cold_starts - base.cold_starts
        for bound, count in counts.buckets.items():
            number = float(bound)
            gain = max(0.0, count - base.buckets.get(bound, 0))
            self.buckets[number] = self.buckets.get(number, 0) + gain


def _row(key: Key, seconds: float, gained: _Sum, total: _Sum, pods: tuple[int, int] | None) -> Row:
    ready, all_pods = pods or (0, 0)
    return Row(
        *key,
        calls=gained.calls,
        errors=gained.errors,
        seconds=seconds,
        p50=percentile(gained.buckets, _HALF),
        p99=percentile(gained.buckets, _MOST),
        pods_ready=ready,
        pods=all_pods,
        cold_starts=round(total.cold_starts),
        total_calls=round(total.calls),
        total_errors=round(total.errors),
    )


def percentile(buckets: Mapping[float, float], share: float) -> float | None:
    """Where a share of the values lies below, taking them as even within a bucket.

    ``buckets``: how many values were up to each bound. Above the last bound it is that bound.
    """
    total = max(buckets.values(), default=0.0)
    if total <= 0:
        return None
    wanted, low, below = share * total, 0.0, 0.0
    for bound, count in sorted(buckets.items()):
        if count >= wanted:
            if bound == float("inf"):
                return low
            return low + (bound - low) * (wanted - below) / max(count - below, 1e-9)
        low, below = bound, count
    return low


def arranged(found: Iterable[Row], by: str) -> list[Row]:
    """Rows sorted as asked for, the largest first; those of one value by name."""
    if by not in _ORDERS:
        raise errors.UsageError(f'--sort "{by}": valid values are {", ".join(_ORDERS)}')
    return sorted(found, key=lambda row: (-_ORDERS[by](row), row.name, row.namespace))


def format_rate(number: float) -> str:
    """Three figures at most, none for nothing."""
    if number == 0:
        return "0"
    return f"{number:.2f}" if number < 10 else f"{number:.1f}" if number < 100 else f"{number:.0f}"


def format_time(seconds: float | None) -> str:
    """Milliseconds, or seconds where there are many."""
    if seconds is None:
        return output.NONE
    if seconds >= 10:
        return f"{seconds:.0f}s"
    if seconds >= 1:
        return f"{seconds:.1f}s"
    milliseconds = seconds * 1000
    return f"{milliseconds:.1f}ms" if milliseconds < 10 else f"{milliseconds:.0f}ms"


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
