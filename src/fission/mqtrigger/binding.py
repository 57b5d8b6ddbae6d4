"""What a trigger asks for, resolved: its spec with defaults, and its identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fission.api import messagequeuetrigger_defaults, messagequeuetrigger_types
from fission.mqtrigger import scaling

Trigger = messagequeuetrigger_types.MessageQueueTrigger
Spec = messagequeuetrigger_types.MessageQueueTriggerSpec
Key = tuple[str, str]
"""Namespace and name."""

LAG_THRESHOLD: Final = 10
"""Messages that wait for each call at once; KEDA's figure for Kafka and NATS."""
LAG_THRESHOLD_KEYS: Final = ("lagThreshold", "lagCount", "queueLength", "value")
"""KEDA's names for it, by scaler."""
GROUP_KEYS: Final = ("consumerGroup", "consumer")
"""KEDA's names for the group that reads, by scaler."""
STRICT_LANE: Final = "*"


@dataclass(frozen=True)
class Binding:
    """A trigger as it is read: two that are equal need no new connection."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: Spec

    @property
    def key(self) -> Key:
        return self.namespace, self.name

    @property
    def group(self) -> str:
        """Who reads: the trigger, unless its metadata name a group that exists already."""
        for name in GROUP_KEYS:
            if value := self.spec.metadata.get(name):
                return value
        return self.uid

    @property
    def place(self) -> tuple[str, str, str]:
        """What it reads, and as whom."""
        return self.spec.message_queue_type, self.spec.topic, self.group

    @property
    def is_strict(self) -> bool:
        """One message at a time, in the order of the whole topic."""
        return self.most_at_once == 1

    @property
    def most_at_once(self) -> int:
        most = self.spec.max_replica_count
        return max(1, messagequeuetrigger_defaults.MAX_REPLICAS if most is None else most)

    @property
    def polling_seconds(self) -> float:
        """How often the lag is asked for."""
        seconds = self.spec.polling_interval
        if seconds is None:
            seconds = messagequeuetrigger_defaults.POLLING_INTERVAL_SECONDS
        return float(max(1, seconds))

    def lane(self, key: str) -> str:
        """The lane of a message's key."""
        return STRICT_LANE if self.is_strict else key

    def bounds(self) -> scaling.Bounds:
        """How many calls at once."""
        cooldown = self.spec.cooldown_period
        if cooldown is None:
            cooldown = messagequeuetrigger_defaults.COOLDOWN_PERIOD_SECONDS
        return scaling.Bounds(
            least=min(self.spec.min_replica_count or 0, self.most_at_once),
            most=self.most_at_once,
            lag_threshold=_lag_threshold(self.spec),
            cooldown_seconds=float(cooldown),
        )


def of(trigger: Trigger) -> Binding:
    """The binding of a trigger."""
    metadata = trigger.metadata
    return Binding(
        metadata.namespace, metadata.name, metadata.uid, metadata.generation, trigger.spec
    )


def _lag_threshold(spec: Spec) -> int:
    for name in LAG_THRESHOLD_KEYS:
        text = spec.metadata.get(name, "")
        if text.isdecimal() and int(text) > 0:
            return int(text)
    return LAG_THRESHOLD
