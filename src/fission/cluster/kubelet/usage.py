"""What samples of use come to: rates over a window, and who is over a limit. Pure.

Processor time is told as a rate over the last two periods, or over a container's whole life while
that is shorter; memory as it was last seen.
"""

from __future__ import annotations

import collections
import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fission.base import clock as clocks

PERIOD_SECONDS = 5.0
"""Between two looks at a container."""
LIMITED_SECONDS = 1.0
"""Between two looks at one whose memory limit the kernel does not hold."""
WINDOW_PERIODS = 2
"""What rates are taken over: enough looks for an average, and short enough to follow load."""


@dataclass(frozen=True)
class Sample:
    """Use of one container at one moment."""

    memory_bytes: int
    cpu_seconds: float
    """Since the container began."""
    age_seconds: float = float("inf")
    """How long the container has run; infinite where that is not known."""
    is_held: bool = False
    """The kernel counts its memory in a control group, which holds the limit if there is one."""


@dataclass(frozen=True)
class Measured:
    """What a container or the node uses, as the metrics API tells it."""

    at: datetime.datetime
    window_seconds: float
    cpu_nanocores: int
    memory_bytes: int

    def describe(self) -> dict[str, Any]:
        return {
            "timestamp": clocks.format_rfc3339(self.at),
            "windowSeconds": round(self.window_seconds, 3),
            "cpuNanocores": self.cpu_nanocores,
            "memoryBytes": self.memory_bytes,
        }


@dataclass(frozen=True)
class Identity:
    """Which container of which pod, and which of its lives."""

    namespace: str
    pod: str
    uid: str
    container: str
    pid: int


@dataclass
class _Series:
    points: collections.deque[tuple[float, float]] = field(default_factory=collections.deque)
    """Moments and the processor time until then."""
    measured: Measured | None = None


class Meter:
    """Samples in, rates out."""

    def __init__(self, window_seconds: float = WINDOW_PERIODS * PERIOD_SECONDS) -> None:
        self._window_seconds = window_seconds
        self._series: dict[Identity, _Series] = {}

    def add(
        self, identity: Identity, sample: Sample, monotonic: float, at: datetime.datetime
    ) -> None:
        """Take one sample in; moments of one identity only grow."""
        series = self._series.setdefault(identity, _Series())
        points = series.points
        if not points and sample.age_seconds <= self._window_seconds:
            # A container starts at zero: its first rate needs no second look.
            points.append((monotonic - sample.age_seconds, 0.0))
        points.append((monotonic, sample.cpu_seconds))
        while len(points) > 2 and points[1][0] <= monotonic - self._window_seconds:
            points.popleft()
        elapsed = monotonic - points[0][0]
        if elapsed <= 0:
            return
        spent = max(0.0, sample.cpu_seconds - points[0][1])
        series.measured = Measured(at, elapsed, round(spent / elapsed * 1e9), sample.memory_bytes)

    def keep(self, identities: Iterable[Identity]) -> None:
        """Forget all but these."""
        for gone in self._series.keys() - set(identities):
            del self._series[gone]

    def measured(self) -> list[tuple[Identity, Measured]]:
        """What is known of each; a container that was seen once only is not known yet."""
        return [(i, s.measured) for i, s in self._series.items() if s.measured is not None]


def over_limit(samples: Mapping[str, Sample], limits: Mapping[str, int]) -> list[str]:
    """The containers that use more memory than they may, and that the kernel lets do so."""
    return [
        name
        for name, used in samples.items()
        if name in limits and not used.is_held and used.memory_bytes > limits[name]
    ]


def node_sample(stat: str, meminfo: str, ticks_per_second: int) -> Sample:
    """The whole machine, from ``/proc/stat`` and ``/proc/meminfo``: all that is not idle, and all
    memory that could not be had at once.
    """
    user, nice, system, _, _, irq, softirq, steal = (
        int(word) for word in stat.split("\n", 1)[0].split()[1:9]
    )
    busy = (user + nice + system + irq + softirq + steal) / ticks_per_second
    found = {}
    for line in meminfo.splitlines():
        name, _, rest = line.partition(":")
        if name in ("MemTotal", "MemAvailable"):
            found[name] = int(rest.split()[0]) * 1024
    return Sample(max(0, found.get("MemTotal", 0) - found.get("MemAvailable", 0)), busy)
