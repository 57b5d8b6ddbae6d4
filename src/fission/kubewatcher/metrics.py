"""What is counted."""

from __future__ import annotations

import contextlib

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """Counters of this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counter(
            "fission_kubewatcher_events",
            "Events that were handed over, by outcome: delivered, failed.",
            ["namespace", "trigger", "outcome"],
            registry=registry,
        )
        self.gaps = Counter(
            "fission_kubewatcher_gaps",
            "Times that history was gone, so that lists were compared instead.",
            ["namespace", "trigger"],
            registry=registry,
        )
        self.lag = Gauge(
            "fission_kubewatcher_lag",
            "Events that were read and wait to be handed over; reading pauses at 64.",
            ["namespace", "trigger"],
            registry=registry,
        )
        self.open = Gauge(
            "fission_kubewatcher_watches", "Watches that are open.", registry=registry
        )

    def forget(self, namespace: str, trigger: str) -> None:
        """A trigger was deleted."""
        for outcome in ("delivered", "failed"):
            self._drop(self.events, namespace, trigger, outcome)
        self._drop(self.gaps, namespace, trigger)
        self._drop(self.lag, namespace, trigger)

    @staticmethod
    def _drop(metric: Counter | Gauge, *labels: str) -> None:
        with contextlib.suppress(KeyError):
            metric.remove(*labels)
