"""The conditions of a KubernetesWatchTrigger. The kubewatcher is the one writer."""

import datetime
from typing import Final

from fission.api import conditions, kuberneteswatchtrigger_types

WATCH_FAILED: Final = "WatchFailed"


def mark_subscribed(
    trigger: kuberneteswatchtrigger_types.KubernetesWatchTrigger,
    now: datetime.datetime,
    message: str = "the watch is open",
) -> bool:
    """It works: the watch is open."""
    return _mark(trigger, conditions.TRUE, "Subscribed", message, now)


def mark_failed(
    trigger: kuberneteswatchtrigger_types.KubernetesWatchTrigger,
    reason: str,
    message: str,
    now: datetime.datetime,
) -> bool:
    """It does not work, and why."""
    return _mark(trigger, conditions.FALSE, reason, message, now)


def is_ready(trigger: kuberneteswatchtrigger_types.KubernetesWatchTrigger) -> bool:
    """Works as of the spec that it has."""
    return conditions.is_ready(trigger.status, trigger.metadata.generation)


def _mark(
    trigger: kuberneteswatchtrigger_types.KubernetesWatchTrigger,
    value: str,
    reason: str,
    message: str,
    now: datetime.datetime,
) -> bool:
    generation = trigger.metadata.generation
    changes = [
        conditions.mark(trigger.status, type_, value, reason, message, generation, now)
        for type_ in (conditions.SUBSCRIBED, conditions.READY)
    ]
    return any(changes)
