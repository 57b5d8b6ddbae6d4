"""The conditions of a TimeTrigger. The timer is the one writer."""

import datetime
from typing import Final

from fission.api import conditions, timetrigger_types

INVALID_CRON: Final = "InvalidCron"
INVALID_GRACE: Final = "InvalidMissedGrace"
FUNCTION_NOT_FOUND: Final = "FunctionNotFound"


def mark_scheduled(trigger: timetrigger_types.TimeTrigger, now: datetime.datetime) -> bool:
    """It works: its next time is known."""
    return _mark(trigger, conditions.TRUE, "CronRegistered", "its next time is known", now)


def mark_function_missing(
    trigger: timetrigger_types.TimeTrigger, message: str, now: datetime.datetime
) -> bool:
    """Its next time is known, and there is nothing to call."""
    generation = trigger.metadata.generation
    changes = [
        conditions.mark(
            trigger.status,
            conditions.SCHEDULED,
            conditions.TRUE,
            "CronRegistered",
            "its next time is known",
            generation,
            now,
        ),
        conditions.mark(
            trigger.status,
            conditions.READY,
            conditions.FALSE,
            FUNCTION_NOT_FOUND,
            message,
            generation,
            now,
        ),
    ]
    return any(changes)


def mark_failed(
    trigger: timetrigger_types.TimeTrigger,
    reason: str,
    message: str,
    now: datetime.datetime,
) -> bool:
    """It does not work, and why."""
    return _mark(trigger, conditions.FALSE, reason, message, now)


def is_ready(trigger: timetrigger_types.TimeTrigger) -> bool:
    """Works as of the spec that it has."""
    return conditions.is_ready(trigger.status, trigger.metadata.generation)


def _mark(
    trigger: timetrigger_types.TimeTrigger,
    value: str,
    reason: str,
    message: str,
    now: datetime.datetime,
) -> bool:
    generation = trigger.metadata.generation
    changes = [
        conditions.mark(trigger.status, type_, value, reason, message, generation, now)
        for type_ in (conditions.SCHEDULED, conditions.READY)
    ]
    return any(changes)
