"""Questions about pods that several reconcilers ask. Pure."""

from __future__ import annotations

import datetime
from typing import Any

from fission.base import clock
from fission.meta import conditions, objectmeta

Obj = dict[str, Any]

ENDED_PHASES = ("Succeeded", "Failed")


def phase(pod: Obj) -> str:
    return str((pod.get("status") or {}).get("phase") or "")


def has_ended(pod: Obj) -> bool:
    """Whether its containers have run for the last time."""
    return phase(pod) in ENDED_PHASES


def is_active(pod: Obj) -> bool:
    """Whether it counts for its owner: neither ended nor on its way out."""
    return not has_ended(pod) and not objectmeta.is_deleting(pod)


def ready_condition(pod: Obj) -> Obj | None:
    return conditions.get((pod.get("status") or {}).get("conditions"), "Ready")


def is_ready(pod: Obj) -> bool:
    found = ready_condition(pod)
    return found is not None and found.get("status") == "True"


def ready_since(pod: Obj) -> datetime.datetime | None:
    """When it became ready; None when it is not, or does not say."""
    found = ready_condition(pod)
    if found is None or found.get("status") != "True" or not found.get("lastTransitionTime"):
        return None
    return clock.parse_rfc3339(found["lastTransitionTime"])


def available_in(pod: Obj, min_ready_seconds: int, now: datetime.datetime) -> float | None:
    """Seconds until a ready pod counts as available, 0 when it does; None when not ready."""
    if not is_ready(pod):
        return None
    if min_ready_seconds <= 0:
        return 0.0
    since = ready_since(pod)
    if since is None:
        return float(min_ready_seconds)
    return max(0.0, min_ready_seconds - (now - since).total_seconds())


def created_at(obj: Obj) -> str:
    """Creation time as text, which sorts as time does."""
    return str((obj.get("metadata") or {}).get("creationTimestamp") or "")


def restarts(pod: Obj) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return max((int(one.get("restartCount") or 0) for one in statuses), default=0)
