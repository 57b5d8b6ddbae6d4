"""What is counted."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

BUCKETS = (0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1200)
"""From an answer of the cache to a first Maven build."""


class Metrics:
    """Counters of this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.builds = Counter(
            "fission_buildermgr_builds",
            "Builds that ended, by outcome: succeeded, cached, failed, platform, superseded.",
            ["namespace", "environment", "outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "fission_buildermgr_build_seconds",
            "Time from the start of a build to its end.",
            ["outcome"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.waiting = Gauge(
            "fission_buildermgr_builds_waiting", "Builds in line.", registry=registry
        )
        self.running = Gauge(
            "fission_buildermgr_builds_running", "Builds under way.", registry=registry
        )
