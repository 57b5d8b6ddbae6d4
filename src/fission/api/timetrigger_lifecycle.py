"""The conditions of a TimeTrigger. The timer is the one writer."""

import datetime
from typing import Final

from fission.api import conditions, timetrigger_types

INVALID_CRON: Final = "InvalidCron"


def mark_scheduled(trigger: timetrigger_types.TimeTrigger, now: datetime.datetime) -> bool:
    """It works: its next time is known."""
    return _mark(trigger, conditions.TRUE, "CronRegistered", "its next time is known", now)


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
