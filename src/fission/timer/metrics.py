"""What is counted."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 30, 300)
"""From what is promised, 50 ms, in both directions."""

DELIVERED = "delivered"
FAILED = "failed"
UNKNOWN = "unknown"
MISSED = "missed"


class Metrics:
    """Counters of this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.ticks = Counter(
            "fission_timer_ticks",
            "Ticks that ended, by outcome: delivered, failed, unknown, missed.",
            ["namespace", "name", "outcome"],
            registry=registry,
        )
        self.lateness = Histogram(
            "fission_timer_lateness_seconds",
            "From the instant of a tick to the call of its function.",
            buckets=BUCKETS,
            registry=registry,
        )
        self.triggers = Gauge(
            "fission_timer_triggers", "Time triggers that have a next tick.", registry=registry
        )
        self.waiting = Gauge(
            "fission_timer_ticks_waiting",
            "Ticks that wait for the call before them.",
            registry=registry,
        )

    def count(self, key: tuple[str, str], outcome: str, number: int = 1) -> None:
        """Note how ticks of a trigger ended."""
        if number:
            self.ticks.labels(*key, outcome).inc(number)

    def forget(self, key: tuple[str, str]) -> None:
        """The trigger is gone: its series are not kept."""
        for outcome in (DELIVERED, FAILED, UNKNOWN, MISSED):
            self.ticks.remove_by_labels({"namespace": key[0], "name": key[1], "outcome": outcome})
