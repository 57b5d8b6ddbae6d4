"""What is counted; upstream's names where it has them."""

from __future__ import annotations

import contextlib

from prometheus_client import CollectorRegistry, Counter, Gauge

TRIGGER = ("trigger_name", "trigger_namespace")


class Metrics:
    """Counters of this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.subscriptions = Gauge(
            "fission_mqt_subscriptions", "Topics that are being read.", registry=registry
        )
        self.processed = Counter(
            "fission_mqt_messages_processed",
            "Messages that were settled: delivered, poisoned (in the error topic), dropped.",
            [*TRIGGER, "outcome"],
            registry=registry,
        )
        self.duplicates = Counter(
            "fission_mqt_duplicates",
            "Messages that were handled, and will be delivered again all the same.",
            TRIGGER,
            registry=registry,
        )
        self.lag = Gauge(
            "fission_mqt_message_lag", "Messages that wait.", TRIGGER, registry=registry
        )
        self.in_process = Gauge(
            "fission_mqt_inprocess", "Calls of functions under way.", TRIGGER, registry=registry
        )
        self.status = Gauge(
            "fission_mqt_status", "1 while the topic is read, 0 otherwise.", TRIGGER,
            registry=registry,
        )  # fmt: skip
        self.egress = Counter(
            "fission_mqt_egress_messages",
            "Published messages: sent, retried (not taken yet), dead (given up).",
            ["type", "outcome"],
            registry=registry,
        )
        self.egress_connected = Gauge(
            "fission_mqt_egress_connected",
            "1 while the platform's broker takes messages, 0 otherwise.",
            ["type"],
            registry=registry,
        )

    def forget(self, namespace: str, name: str) -> None:
        """A trigger is no more: only its gauges go, what was counted was counted."""
        for gauge in (self.lag, self.in_process, self.status):
            with contextlib.suppress(KeyError):
                gauge.remove(name, namespace)
