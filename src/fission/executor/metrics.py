"""What the executor shows of provisioned concurrency."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import core, registry

from fission.executor.poolmgr import provisioning

LABELS = ("function_namespace", "function_name")


class Metrics(registry.Collector):
    """Reads what is there when it is asked."""

    def __init__(self, source: provisioning.Provisioning) -> None:
        self._source = source

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
        yield from (aimed, ready, starts)
