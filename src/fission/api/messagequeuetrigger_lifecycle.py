"""The conditions of a MessageQueueTrigger. Mqtrigger is the one writer."""

import datetime
from typing import Final

from fission.api import conditions, messagequeuetrigger_types

NOT_OWNED: Final = "NotOwned"
_READ: Final = ("Subscribed", "the topic is read")


def mark_bound(
    trigger: messagequeuetrigger_types.MessageQueueTrigger, now: datetime.datetime
) -> bool:
    """It works: the topic is read."""
    return _mark(trigger, conditions.TRUE, *_READ, now)


def mark_failed(
    trigger: messagequeuetrigger_types.MessageQueueTrigger,
    reason: str,
    message: str,
    now: datetime.datetime,
) -> bool:
    """It does not work, and why."""
    return _mark(trigger, conditions.FALSE, reason, message, now)


def mark_waiting(
    trigger: messagequeuetrigger_types.MessageQueueTrigger,
    reason: str,
    message: str,
    now: datetime.datetime,
) -> bool:
    """The topic is read, but its messages wait for something else, and for what."""
    generation = trigger.metadata.generation
    changes = [
        conditions.mark(trigger.status, type_, value, reason_, text, generation, now)
        for type_, value, reason_, text in (
            (conditions.BINDING_READY, conditions.TRUE, *_READ),
            (conditions.READY, conditions.FALSE, reason, message),
        )
    ]
    return any(changes)


def is_ready(trigger: messagequeuetrigger_types.MessageQueueTrigger) -> bool:
    """Works as of the spec that it has."""
    return conditions.is_ready(trigger.status, trigger.metadata.generation)


def _mark(
    trigger: messagequeuetrigger_types.MessageQueueTrigger,
    value: str,
    reason: str,
    message: str,
    now: datetime.datetime,
) -> bool:
    generation = trigger.metadata.generation
    changes = [
        conditions.mark(trigger.status, type_, value, reason, message, generation, now)
        for type_ in (conditions.BINDING_READY, conditions.READY)
    ]
    return any(changes)
