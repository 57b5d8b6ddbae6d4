"""What an empty field of a MessageQueueTrigger stands for."""

from typing import Final

from fission.api import messagequeuetrigger_types

QUEUE_TYPE: Final = "kafka"
CONTENT_TYPE: Final = "application/json"
POLLING_INTERVAL_SECONDS: Final = 30
COOLDOWN_PERIOD_SECONDS: Final = 300
MIN_REPLICAS: Final = 0
MAX_REPLICAS: Final = 100


def mqt_kind(spec: messagequeuetrigger_types.MessageQueueTriggerSpec) -> str:
    """Who reads the queue."""
    return spec.mqt_kind or messagequeuetrigger_types.KIND_KEDA


def content_type(spec: messagequeuetrigger_types.MessageQueueTriggerSpec) -> str:
    """Content type of the calls."""
    return spec.content_type or CONTENT_TYPE
