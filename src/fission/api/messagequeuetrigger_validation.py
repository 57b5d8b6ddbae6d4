"""What is refused in a MessageQueueTrigger."""

import re
from typing import Final

from fission.api import common_validation as common
from fission.api import fielderrors, messagequeuetrigger_defaults, messagequeuetrigger_types
from fission.api.fielderrors import FieldError

_KAFKA_TOPIC: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_STATESTORE: Final = "statestore"
_STATESTORE_TOPIC: Final = re.compile(r"(?=.{1,249}$)[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


def validate(trigger: messagequeuetrigger_types.MessageQueueTrigger) -> list[FieldError]:
    """All faults of a message queue trigger."""
    spec = trigger.spec
    errors = [
        *common.validate_metadata(trigger.metadata),
        *common.validate_function_reference(spec.function_ref, "spec.functionref"),
        *common.validate_at_least("spec.maxRetries", spec.max_retries, 0),
    ]
    kind = messagequeuetrigger_defaults.mqt_kind(spec)
    types = messagequeuetrigger_types.TYPES_BY_KIND.get(kind)
    if types is None:
        allowed = tuple(messagequeuetrigger_types.TYPES_BY_KIND)
        errors.append(fielderrors.unsupported("spec.mqtkind", kind, allowed))
    elif spec.message_queue_type not in types:
        errors.append(
            fielderrors.unsupported("spec.messageQueueType", spec.message_queue_type, types)
        )
    return [*errors, *_validate_topics(spec), *_validate_replicas(spec)]


def is_kafka_topic(topic: str) -> bool:
    """Whether Kafka takes it as a name."""
    return topic not in (".", "..") and _KAFKA_TOPIC.fullmatch(topic) is not None


def _validate_topics(
    spec: messagequeuetrigger_types.MessageQueueTriggerSpec,
) -> list[FieldError]:
    topics = {
        "topic": spec.topic,
        "respTopic": spec.response_topic,
        "errorTopic": spec.error_topic,
    }
    errors = [] if spec.topic else [fielderrors.required("spec.topic")]
    if spec.topic and spec.topic == spec.response_topic:
        errors.append(
            fielderrors.invalid(
                "spec.respTopic",
                spec.response_topic,
                "listen topic should not equal to response topic",
            )
        )
    if spec.message_queue_type == messagequeuetrigger_defaults.QUEUE_TYPE:
        errors += [
            fielderrors.invalid(f"spec.{name}", topic, "invalid topic for kafka")
            for name, topic in topics.items()
            if topic and not is_kafka_topic(topic)
        ]
    if spec.message_queue_type == _STATESTORE:
        errors += [
            fielderrors.invalid(
                f"spec.{name}",
                topic,
                "must be letters, digits, '.', '-' and '_', at most 249, with a letter or digit at"
                " both ends",
            )
            for name, topic in topics.items()
            if topic and not _STATESTORE_TOPIC.fullmatch(topic)
        ]
    if spec.topic and spec.topic == spec.error_topic:
        errors.append(
            fielderrors.invalid(
                "spec.errorTopic", spec.error_topic, "listen topic should not equal to error topic"
            )
        )
    return errors


def _validate_replicas(
    spec: messagequeuetrigger_types.MessageQueueTriggerSpec,
) -> list[FieldError]:
    least, most = spec.min_replica_count, spec.max_replica_count
    errors = [
        *common.validate_at_least("spec.pollingInterval", spec.polling_interval, 0),
        *common.validate_at_least("spec.cooldownPeriod", spec.cooldown_period, 0),
        *common.validate_at_least("spec.minReplicaCount", least, 0),
    ]
    if most is not None and most < 1:
        errors.append(fielderrors.invalid("spec.maxReplicaCount", most, "must be 1 or more"))
    elif most is not None and most < (least or 0):
        errors.append(
            fielderrors.invalid("spec.maxReplicaCount", most, "must be minReplicaCount or more")
        )
    return errors
