"""From the flags of ``mqt create`` and ``mqt update`` to the fields of a MessageQueueTrigger."""

from typing import Any

from fission.api import (
    messagequeuetrigger_defaults,
    messagequeuetrigger_types,
    messagequeuetrigger_validation,
)
from fission.cli import errors, options

Spec = messagequeuetrigger_types.MessageQueueTriggerSpec

_FIELDS = {
    "topic": "topic",
    "resptopic": "response_topic",
    "errortopic": "error_topic",
    "maxretries": "max_retries",
    "contenttype": "content_type",
    "pollinginterval": "polling_interval",
    "cooldownperiod": "cooldown_period",
    "minreplicacount": "min_replica_count",
    "maxreplicacount": "max_replica_count",
    "secret": "secret",
    "mqtkind": "mqt_kind",
}
"""Flag → field."""


def flags(function: Any) -> Any:
    """Flags that create and update share."""
    for decorate in reversed(
        (
            options.string("--function", help="Function to call"),
            options.string("--topic", help="Topic, queue or stream that is read"),
            options.string("--resptopic", help="Topic that the function's answers go to"),
            options.string("--errortopic", help="Topic that failed messages go to"),
            options.integer("--maxretries", help="Attempts after a failed one", default=0),
            options.string(
                "--contenttype",
                "-c",
                help="Content type of the calls",
                default="application/json",
            ),
            options.integer(
                "--pollinginterval", help="Seconds between looks at how much waits", default=30
            ),
            options.integer(
                "--cooldownperiod", help="Seconds before there are fewer calls at once", default=300
            ),
            options.integer("--minreplicacount", help="Least calls at once", default=0),
            options.integer(
                "--maxreplicacount", help="Most calls at once; 1 keeps all in order", default=100
            ),
            options.strings("--metadata", help="key=value on how to reach the queue; repeatable"),
            options.string("--secret", help="Secret with credentials and certificates"),
            options.string("--mqtkind", help="Who reads: keda or fission", default="keda"),
        )
    ):
        function = decorate(function)
    return function


def apply(spec: Spec, given: Any) -> bool:
    """Set what was given; tells whether anything was."""
    is_any = False
    if given.function:
        spec.function_ref.name = given.function
        is_any = True
    for flag, field in _FIELDS.items():
        value = getattr(given, flag)
        if value is not None:
            setattr(spec, field, value)
            is_any = True
    if given.metadata:
        spec.metadata = {**spec.metadata, **_metadata(given.metadata)}
        is_any = True
    return is_any


def check(spec: Spec) -> None:
    """Refuse, in the words of the original, what the platform would refuse in others."""
    kind = messagequeuetrigger_defaults.mqt_kind(spec)
    types = messagequeuetrigger_types.TYPES_BY_KIND.get(kind, ())
    if types and spec.message_queue_type not in types:
        raise errors.CliError(
            "unsupported message queue type",
            f"--mqtype {spec.message_queue_type} is none of kind {kind}",
            f"use one of {', '.join(types)}, or another --mqtkind",
        )
    if spec.topic and spec.topic == spec.response_topic:
        raise errors.CliError(
            "listen topic should not equal to response topic",
            "the function would be called for its own answers",
            "use another --resptopic",
        )
    if spec.message_queue_type != messagequeuetrigger_defaults.QUEUE_TYPE:
        return
    for topic in (spec.topic, spec.response_topic, spec.error_topic):
        if topic and not messagequeuetrigger_validation.is_kafka_topic(topic):
            raise errors.CliError(
                f"invalid topic for kafka: {topic}",
                "Kafka takes letters, digits, '.', '_' and '-', at most 249",
                "use another name, or another --mqtype",
            )


def _metadata(values: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise errors.UsageError(f"--metadata {text!r}: want key=value")
        found[key] = value
    return found
