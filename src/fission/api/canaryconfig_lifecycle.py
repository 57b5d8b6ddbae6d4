"""The states of a CanaryConfig: pending until it succeeded, failed or was aborted.

Canary is the one writer; a change of the spec makes it pending again.
"""

import datetime
from typing import Final

from fission.api import canaryconfig_types, conditions
from fission.meta import conditions as meta_conditions

ENDS: Final = (
    canaryconfig_types.SUCCEEDED,
    canaryconfig_types.FAILED,
    canaryconfig_types.ABORTED,
)


def mark_progressing(
    config: canaryconfig_types.CanaryConfig,
    message: str,
    now: datetime.datetime,
    reason: str = "Progressing",
) -> None:
    """Traffic is being moved."""
    config.status.status = canaryconfig_types.PENDING
    _mark(config, conditions.TRUE, conditions.FALSE, reason, message, now)


def mark_waiting(
    config: canaryconfig_types.CanaryConfig, reason: str, message: str, now: datetime.datetime
) -> None:
    """It goes on once something around it is as it must be."""
    config.status.status = canaryconfig_types.PENDING
    config.status.window = config.status.move = None
    _mark(config, conditions.FALSE, conditions.FALSE, reason, message, now)


def mark_succeeded(
    config: canaryconfig_types.CanaryConfig,
    now: datetime.datetime,
    message: str = "all traffic was moved",
) -> None:
    """All traffic goes to the new function."""
    _end(config, canaryconfig_types.SUCCEEDED)
    _mark(config, conditions.FALSE, conditions.TRUE, "Succeeded", message, now)


def mark_failed(
    config: canaryconfig_types.CanaryConfig, message: str, now: datetime.datetime
) -> None:
    """Too many calls failed; all traffic went back."""
    _end(config, canaryconfig_types.FAILED)
    _mark(config, conditions.FALSE, conditions.FALSE, "RolledBack", message, now)


def mark_aborted(
    config: canaryconfig_types.CanaryConfig,
    message: str,
    now: datetime.datetime,
    reason: str = "Aborted",
) -> None:
    """It cannot go on: the trigger or a function is not as it must be."""
    _end(config, canaryconfig_types.ABORTED)
    _mark(config, conditions.FALSE, conditions.FALSE, reason, message, now)


def has_ended(config: canaryconfig_types.CanaryConfig) -> bool:
    """Whether nothing is to be done, as of the spec that it has; a change begins it anew."""
    if config.status.status not in ENDS:
        return False
    said = meta_conditions.get(config.status.conditions, conditions.READY) or {}
    return int(said.get("observedGeneration") or 0) in (0, config.metadata.generation)


def _end(config: canaryconfig_types.CanaryConfig, state: str) -> None:
    config.status.status = state
    config.status.window = config.status.move = None


def _mark(
    config: canaryconfig_types.CanaryConfig,
    progressing: str,
    ready: str,
    reason: str,
    message: str,
    now: datetime.datetime,
) -> None:
    for type_, value in ((conditions.PROGRESSING, progressing), (conditions.READY, ready)):
        meta_conditions.set_condition(
            config.status.conditions,
            type_,
            value,
            reason,
            message,
            now,
            config.metadata.generation or None,
        )
