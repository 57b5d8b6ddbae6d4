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
    """Who reads the queue; of what KEDA does not know, it is this platform."""
    if spec.mqt_kind:
        return spec.mqt_kind
    kind = messagequeuetrigger_types.KIND_KEDA
    known = messagequeuetrigger_types.TYPES_BY_KIND
    only_ours = spec.message_queue_type in set(known[messagequeuetrigger_types.KIND_FISSION]) - set(
        known[kind]
    )
    return messagequeuetrigger_types.KIND_FISSION if only_ours else kind


def content_type(spec: messagequeuetrigger_types.MessageQueueTriggerSpec) -> str:
    """Content type of the calls."""
    return spec.content_type or CONTENT_TYPE
