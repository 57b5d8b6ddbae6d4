"""Message queue triggers as a table."""

from typing import Any

from fission.api import messagequeuetrigger_defaults, messagequeuetrigger_types, objects
from fission.cli import context, deliveries, lookups, views

HEADER = (
    "NAME",
    "FUNCTION_NAME",
    "MESSAGE_QUEUE_TYPE",
    "TOPIC",
    "RESPONSE_TOPIC",
    "ERROR_TOPIC",
    "MAX_RETRIES",
    "PUB_MSG_CONTENT_TYPE",
    "READY",
    "NAMESPACE",
)


def show(session: context.Session, found: list[dict[str, Any]], *, wide: bool) -> None:
    """Print them."""
    if not wide:
        session.out.table(HEADER, [_row(each) for each in found])
        return
    session.out.table(
        (*HEADER, "AGE", *deliveries.HEADER),
        [
            (*_row(each), views.age(session, each), *deliveries.columns(session, each))
            for each in found
        ],
    )


def _row(raw: dict[str, Any]) -> tuple[str, ...]:
    spec = objects.decode(messagequeuetrigger_types.MessageQueueTrigger, raw).spec
    return (
        lookups.name_of(raw),
        spec.function_ref.name,
        spec.message_queue_type,
        spec.topic,
        spec.response_topic,
        spec.error_topic,
        str(spec.max_retries),
        messagequeuetrigger_defaults.content_type(spec),
        views.ready(raw),
        lookups.namespace_of(raw),
    )
