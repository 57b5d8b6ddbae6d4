"""A Deployment's status: counts from its ReplicaSets, and the conditions. Pure.

| Condition      | True                                               | False                      |
|----------------|----------------------------------------------------|----------------------------|
| Available      | MinimumReplicasAvailable                           | MinimumReplicasUnavailable |
| Progressing    | NewReplicaSetCreated, FoundNewReplicaSet,          | ProgressDeadlineExceeded,  |
|                | ReplicaSetUpdated, NewReplicaSetAvailable          | FailedCreate               |
| ReplicaFailure | the reason of the ReplicaSet's own condition       | (absent)                   |

While paused Progressing is Unknown (DeploymentPaused, then DeploymentResumed).
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from fission.base import clock
from fission.cluster.reconcilers.deployment import rollout
from fission.meta import conditions as meta_conditions
from fission.meta import objectmeta

Obj = dict[str, Any]

AVAILABLE = "Available"
PROGRESSING = "Progressing"
REPLICA_FAILURE = "ReplicaFailure"
COMPLETE_REASON = "NewReplicaSetAvailable"
NO_DEADLINE = 2**31 - 1
"""A progressDeadlineSeconds of this means none."""


def make_status(
    deployment: Obj, replicasets: Sequence[Obj], new: Obj | None, now: datetime.datetime
) -> Obj:
    """Counts and the condition Available; other conditions stay as they are."""
    current = deployment.get("status") or {}
    available = _total(replicasets, "availableReplicas")
    replicas = _total(replicasets, "replicas")
    declared = sum(rollout.replicas_of(one) for one in replicasets)
    counts = {
        "observedGeneration": int(deployment["metadata"].get("generation") or 0),
        "replicas": replicas,
        "updatedReplicas": _total([new] if new else [], "replicas"),
        "readyReplicas": _total(replicasets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, declared - available),
    }
    status: Obj = {name: count for name, count in counts.items() if count}
    status["terminatingReplicas"] = _total(replicasets, "terminatingReplicas")
    conditions = list(current.get("conditions") or ())
    bounds = rollout.bounds_of(deployment)
    if available >= bounds.least_available:
        reason, message = "MinimumReplicasAvailable", "Deployment has minimum availability."
        put(conditions, AVAILABLE, "True", reason, message, now)
    else:
        reason = "MinimumReplicasUnavailable"
        message = "Deployment does not have minimum availability."
        put(conditions, AVAILABLE, "False", reason, message, now)
    status["conditions"] = conditions
    if current.get("collisionCount"):
        status["collisionCount"] = current["collisionCount"]
    return status


def add_progress(
    deployment: Obj,
    status: Obj,
    replicasets: Sequence[Obj],
    new: Obj | None,
    now: datetime.datetime,
) -> float | None:
    """Set Progressing and ReplicaFailure in a status; seconds until the deadline is checked."""
    conditions: list[Obj] = status["conditions"]
    deadline = deployment["spec"].get("progressDeadlineSeconds")
    pending: float | None = None
    if deadline is None or int(deadline) == NO_DEADLINE:
        remove(conditions, PROGRESSING)
    elif not _was_complete(deployment, status):
        pending = _judge_progress(deployment, status, new, now, float(deadline))
    _copy_failure(conditions, replicasets, now)
    return pending


def is_complete(deployment: Obj, status: Obj) -> bool:
    """Whether every pod declared is of the new template and available, and no other is left."""
    replicas = rollout.replicas_of(deployment)
    counts = {status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas")}
    generation = int(deployment["metadata"].get("generation") or 0)
    return counts == {replicas} and int(status.get("observedGeneration", 0)) >= generation


def mark_paused(conditions: list[Obj], paused: bool, now: datetime.datetime) -> bool:
    """Note a pause, or its end, in Progressing; tells whether anything changed."""
    found = meta_conditions.get(conditions, PROGRESSING)
    reason = found.get("reason") if found else None
    if reason == "ProgressDeadlineExceeded":
        return False
    if paused and reason != "DeploymentPaused":
        put(conditions, PROGRESSING, "Unknown", "DeploymentPaused", "Deployment is paused", now)
        return True
    if not paused and reason == "DeploymentPaused":
        message = "Deployment is resumed"
        put(conditions, PROGRESSING, "Unknown", "DeploymentResumed", message, now)
        return True
    return False


def put(
    conditions: list[Obj],
    type_: str,
    status: str,
    reason: str,
    message: str,
    now: datetime.datetime,
    *,
    refresh: bool = False,
) -> None:
    """Set a condition at the end of the list; one that says the same stays, unless refreshed."""
    known = meta_conditions.get(conditions, type_)
    if known and known["status"] == status and known.get("reason") == reason and not refresh:
        return
    moment = clock.format_rfc3339(now)
    since = known["lastTransitionTime"] if known and known["status"] == status else moment
    remove(conditions, type_)
    conditions.append(
        {
            "type": type_,
            "status": status,
            "lastUpdateTime": moment,
            "lastTransitionTime": since,
            "reason": reason,
            "message": message,
        }
    )


def remove(conditions: list[Obj], type_: str) -> None:
    conditions[:] = [one for one in conditions if one.get("type") != type_]


def _judge_progress(
    deployment: Obj, status: Obj, new: Obj | None, now: datetime.datetime, deadline: float
) -> float | None:
    conditions: list[Obj] = status["conditions"]
    subject = (
        f'ReplicaSet "{objectmeta.name_of(new)}"'
        if new
        else f'Deployment "{objectmeta.name_of(deployment)}"'
    )
    if is_complete(deployment, status):
        message = f"{subject} has successfully progressed."
        put(conditions, PROGRESSING, "True", COMPLETE_REASON, message, now)
        return None
    if _has_progressed(deployment.get("status") or {}, status):
        message = f"{subject} is progressing."
        put(conditions, PROGRESSING, "True", "ReplicaSetUpdated", message, now, refresh=True)
        return deadline
    found = meta_conditions.get(conditions, PROGRESSING)
    if found is None or found.get("reason") in (COMPLETE_REASON, "ProgressDeadlineExceeded"):
        return None
    if deployment["spec"].get("paused") or found.get("reason") == "DeploymentPaused":
        return None
    elapsed = (now - clock.parse_rfc3339(found["lastUpdateTime"])).total_seconds()
    if elapsed < deadline:
        return deadline - elapsed
    message = f"{subject} has timed out progressing."
    put(conditions, PROGRESSING, "False", "ProgressDeadlineExceeded", message, now)
    return None


def _was_complete(deployment: Obj, status: Obj) -> bool:
    found = meta_conditions.get((deployment.get("status") or {}).get("conditions"), PROGRESSING)
    return (
        found is not None
        and found.get("reason") == COMPLETE_REASON
        and status.get("replicas", 0) == status.get("updatedReplicas", 0)
    )


def _has_progressed(before: Obj, after: Obj) -> bool:
    def old_replicas(status: Obj) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    return (
        after.get("updatedReplicas", 0) > before.get("updatedReplicas", 0)
        or old_replicas(after) < old_replicas(before)
        or after.get("readyReplicas", 0) > before.get("readyReplicas", 0)
        or after.get("availableReplicas", 0) > before.get("availableReplicas", 0)
    )


def _copy_failure(
    conditions: list[Obj], replicasets: Sequence[Obj], now: datetime.datetime
) -> None:
    for replicaset in replicasets:
        found = (replicaset.get("status") or {}).get("conditions")
        failure = meta_conditions.get(found, REPLICA_FAILURE)
        if failure is not None and failure.get("status") == "True":
            reason, message = failure.get("reason", ""), failure.get("message", "")
            put(conditions, REPLICA_FAILURE, "True", reason, message, now)
            return
    remove(conditions, REPLICA_FAILURE)


def _total(replicasets: Sequence[Obj], field: str) -> int:
    return sum(int((one.get("status") or {}).get(field) or 0) for one in replicasets)
