"""What statestore counts: plain numbers, Prometheus' terms on demand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from prometheus_client import core, registry

from fission.statestore import store, writer

DONE = "ok"
"""Result of a call that succeeded; any other is the code of its error."""


class Metrics(registry.Collector):
    """Counters of this process; what is in the store is as of ``totals``."""

    def __init__(self, written: Callable[[], writer.Counts], waiting: Callable[[], int]) -> None:
        self._written = written
        self._waiting = waiting
        self.calls: Counter[tuple[str, str]] = Counter()
        self.appended = 0
        self.read = 0
        self.enqueued = 0
        self.leased = 0
        self.expired = 0
        self.totals = store.Totals(0, 0, 0, 0, 0, 0)

    def collect(self) -> Iterator[core.Metric]:
        """Everything, in Prometheus' terms."""
        calls = core.CounterMetricFamily(
            "fission_statestore_calls",
            "Calls by route, and ok or the code of the error.",
            labels=["route", "result"],
        )
        for (route, result), count in sorted(self.calls.items()):
            calls.add_metric([route, result], count)
        yield calls
        written = self._written()
        for name, text, value in (
            ("events_appended", "Events appended.", self.appended),
            ("events_read", "Events read, as often as they were.", self.read),
            ("events_expired", "Events of topics older than the retention.", self.expired),
            ("messages_enqueued", "Messages taken into queues.", self.enqueued),
            ("messages_leased", "Deliveries of messages of queues.", self.leased),
            (
                "commits",
                "Transactions that were synced to disk or had nothing to.",
                written.commits,
            ),
            ("commands", "Writes in them.", written.commands),
            ("commit_seconds", "Time they took.", written.commit_seconds),
            ("refused_full", "Writes refused because the store is full.", written.refused_full),
        ):
            yield core.CounterMetricFamily(f"fission_statestore_{name}", text, value)
        totals = self.totals
        for name, text, gauge in (
            ("streams", "Streams, empty ones included.", totals.streams),
            ("events", "Events kept.", totals.events),
            ("keys", "Keys.", totals.keys),
            ("queues", "Queues, empty ones included.", totals.queues),
            ("messages", "Messages in queues.", totals.messages),
            ("dead_letters", "Dead letters.", totals.dead),
            ("used_bytes", "Bytes of the file that hold something.", written.used_bytes),
            ("waiting", "Calls that wait for news.", self._waiting()),
        ):
            yield core.GaugeMetricFamily(f"fission_statestore_{name}", text, gauge)
