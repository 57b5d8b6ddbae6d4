"""Status conditions: find one, set one; the transition time moves only when the status does."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from fission.base import clock

Condition = dict[str, Any]


def get(conditions: Sequence[Condition] | None, type_: str) -> Condition | None:
    """The condition of that type, or None."""
    for condition in conditions or ():
        if condition.get("type") == type_:
            return condition
    return None


def is_true(conditions: Sequence[Condition] | None, type_: str) -> bool:
    found = get(conditions, type_)
    return found is not None and found.get("status") == "True"


def set_condition(
    conditions: list[Condition],
    type_: str,
    status: str,
    reason: str,
    message: str,
    now: datetime.datetime,
    observed_generation: int | None = None,
) -> bool:
    """Set a condition in place, in its position or at the end; tells whether anything changed."""
    wanted: Condition = {"type": type_, "status": status, "reason": reason, "message": message}
    if observed_generation is not None:
        wanted["observedGeneration"] = observed_generation
    current = get(conditions, type_)
    if current is not None and all(current.get(key) == value for key, value in wanted.items()):
        return False
    wanted["lastTransitionTime"] = clock.format_rfc3339(now)
    if current is None:
        conditions.append(wanted)
        return True
    if current.get("status") == status and current.get("lastTransitionTime"):
        wanted["lastTransitionTime"] = current["lastTransitionTime"]
    conditions[conditions.index(current)] = wanted
    return True
