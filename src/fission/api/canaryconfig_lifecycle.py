"""The states of a CanaryConfig: pending until it succeeded, failed or was aborted.

Canary is the one writer; a change of the spec makes it pending again.
"""

import datetime

from fission.api import canaryconfig_types, conditions
from fission.meta import conditions as meta_conditions


def mark_progressing(
    config: canaryconfig_types.CanaryConfig, message: str, now: datetime.datetime
) -> None:
    """Traffic is being moved."""
    config.status.status = canaryconfig_types.PENDING
    _mark(config, conditions.TRUE, conditions.FALSE, "Progressing", message, now)


def mark_succeeded(config: canaryconfig_types.CanaryConfig, now: datetime.datetime) -> None:
    """All traffic goes to the new function."""
    config.status.status = canaryconfig_types.SUCCEEDED
    _mark(config, conditions.FALSE, conditions.TRUE, "Succeeded", "all traffic was moved", now)


def mark_failed(
    config: canaryconfig_types.CanaryConfig, message: str, now: datetime.datetime
) -> None:
    """Too many calls failed; all traffic went back."""
    config.status.status = canaryconfig_types.FAILED
    _mark(config, conditions.FALSE, conditions.FALSE, "RolledBack", message, now)


def mark_aborted(
    config: canaryconfig_types.CanaryConfig, message: str, now: datetime.datetime
) -> None:
    """It cannot go on: the trigger or a function is not as it must be."""
    config.status.status = canaryconfig_types.ABORTED
    _mark(config, conditions.FALSE, conditions.FALSE, "Aborted", message, now)


def _mark(
    config: canaryconfig_types.CanaryConfig,
    progressing: str,
    ready: str,
    reason: str,
    message: str,
    now: datetime.datetime,
) -> None:
    for type_, value in ((conditions.PROGRESSING, progressing), (conditions.READY, ready)):
        meta_conditions.set_condition(config.status.conditions, type_, value, reason, message, now)
