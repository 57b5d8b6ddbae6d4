"""What the executor shows: cold starts, and provisioned concurrency."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import core, registry

from fission.executor import coldstarts
from fission.executor.poolmgr import provisioning

LABELS = ("function_namespace", "function_name")


class Metrics(registry.Collector):
    """Reads what is there when it is asked."""

    def __init__(self, source: provisioning.Provisioning, starts: coldstarts.ColdStarts) -> None:
        self._source = source
        self._starts = starts

    def collect(self) -> Iterator[core.Metric]:
        """Everything, in Prometheus' terms."""
        aimed = core.GaugeMetricFamily(
            "fission_provisioned_target", "Provisioned pods aimed at.", labels=LABELS
        )
        ready = core.GaugeMetricFamily(
            "fission_provisioned_ready", "Provisioned pods that are ready.", labels=LABELS
        )
        for key, state in self._source.states():
            named = key.split("/", 1)
            aimed.add_metric(named, state.target)
            ready.add_metric(named, state.ready)
        starts = core.CounterMetricFamily(
            "fission_provisioned_starts",
            "Pods that were specialized ahead of requests, or were to be.",
            labels=("outcome",),
        )
        starts.add_metric(("ready",), self._source.started)
        starts.add_metric(("failed",), self._source.failed)
        cold = core.CounterMetricFamily(
            "fission_function_cold_starts", "Starts that a request waited for.", labels=LABELS
        )
        for function, count in self._starts.items():
            cold.add_metric(function, count)
        yield from (aimed, ready, starts, cold)
