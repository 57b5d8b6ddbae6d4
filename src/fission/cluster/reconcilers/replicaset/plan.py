"""What a ReplicaSet needs: pods to create, delete, adopt or release, and its status. Pure.

A pod that is relabelled out of the selector is released and its replacement created in the same
plan, the replacement first: whoever took the pod did so because it is in demand.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fission.base import clock
from fission.cluster.reconcilers import ownership, podfacts
from fission.kube import actions as act
from fission.meta import codec, conditions, gvk, labels, objectmeta

Obj = dict[str, Any]

MAX_BURST = 500
"""Pods created or deleted by one plan; upstream's bound."""
DELETION_COST_ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"


@dataclass(frozen=True, slots=True)
class Plan:
    """Writes about pods; the status follows from ``make_status`` when they are done."""

    creations: tuple[act.Create, ...] = ()
    deletions: tuple[act.Delete, ...] = ()
    claims: tuple[act.Patch, ...] = ()
    """Adoptions and releases."""
    pods: tuple[Obj, ...] = ()
    """The ReplicaSet's own pods, adopted ones included."""


def plan(replicaset: Obj, candidates: Sequence[Obj]) -> Plan:
    """Decide from the ReplicaSet's pods and the namespace's orphans."""
    selector = ownership.selector_of(replicaset)
    claims = ownership.sort_claims(replicaset, candidates, selector)
    adoptable = tuple(pod for pod in claims.adopted if podfacts.is_active(pod))
    patches = tuple(
        [ownership.release(gvk.PODS, replicaset, pod) for pod in claims.released]
        + [ownership.adopt(gvk.PODS, replicaset, pod) for pod in adoptable]
    )
    pods = claims.owned + adoptable
    if objectmeta.is_deleting(replicaset):
        return Plan(pods=pods)
    active = [pod for pod in pods if podfacts.is_active(pod)]
    missing = wanted_replicas(replicaset) - len(active)
    if missing > 0:
        create = act.Create(gvk.PODS, make_pod(replicaset))
        return Plan((create,) * min(missing, MAX_BURST), (), patches, pods)
    surplus = sorted(active, key=_keep_rank)[: min(-missing, MAX_BURST)]
    deletions = tuple(act.delete_of(gvk.PODS, pod) for pod in surplus)
    return Plan((), deletions, patches, pods)


def wanted_replicas(replicaset: Obj) -> int:
    replicas = (replicaset.get("spec") or {}).get("replicas")
    return 1 if replicas is None else int(replicas)


def make_pod(replicaset: Obj) -> Obj:
    """A pod from the template, named by the server."""
    template = replicaset["spec"].get("template") or {}
    given = template.get("metadata") or {}
    metadata: Obj = {
        "generateName": f"{objectmeta.name_of(replicaset)}-",
        "namespace": objectmeta.namespace_of(replicaset),
    }
    for field in ("labels", "annotations", "finalizers"):
        if given.get(field):
            metadata[field] = codec.deep_copy(given[field])
    metadata["ownerReferences"] = [objectmeta.make_owner_reference(replicaset)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": codec.deep_copy(template.get("spec") or {}),
    }


def make_status(
    replicaset: Obj,
    pods: Sequence[Obj],
    now: datetime.datetime,
    failure: tuple[str, str] | None = None,
) -> tuple[Obj, float | None]:
    """The status that the pods give, and in how many seconds it changes by time alone.

    ``failure``: reason and message of writes that failed, for the condition ReplicaFailure.
    """
    spec = replicaset.get("spec") or {}
    min_ready_seconds = int(spec.get("minReadySeconds") or 0)
    wanted = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    active = [pod for pod in pods if podfacts.is_active(pod)]
    waits = [podfacts.available_in(pod, min_ready_seconds, now) for pod in active]
    counts = {
        "fullyLabeledReplicas": sum(wanted.items() <= labels.of(pod).items() for pod in active),
        "readyReplicas": sum(wait is not None for wait in waits),
        "availableReplicas": sum(wait == 0.0 for wait in waits),
    }
    status: Obj = {"replicas": len(active)}
    status |= {name: count for name, count in counts.items() if count}
    status["terminatingReplicas"] = sum(
        objectmeta.is_deleting(pod) and not podfacts.has_ended(pod) for pod in pods
    )
    status["observedGeneration"] = int(replicaset["metadata"].get("generation") or 0)
    kept = _conditions((replicaset.get("status") or {}).get("conditions"), failure, now)
    if kept:
        status["conditions"] = kept
    later = [wait for wait in waits if wait]
    return status, min(later, default=None)


def with_status(replicaset: Obj, status: Obj) -> act.UpdateStatus | None:
    """The write of a status; None when it is there already."""
    if (replicaset.get("status") or {}) == status:
        return None
    return act.UpdateStatus(gvk.REPLICASETS, {**replicaset, "status": status})


def only_waits(replicaset: Obj, status: Obj) -> bool:
    """Whether a status differs from the one that is written by fewer ready pods alone."""
    current = replicaset.get("status") or {}
    counts = ("readyReplicas", "availableReplicas")
    fewer = [status.get(name, 0) - current.get(name, 0) for name in counts]
    rest = [{k: v for k, v in one.items() if k not in counts} for one in (current, status)]
    return rest[0] == rest[1] and max(fewer) <= 0 and min(fewer) < 0


def _conditions(
    current: Sequence[Obj] | None, failure: tuple[str, str] | None, now: datetime.datetime
) -> list[Obj]:
    kept = [one for one in current or () if one.get("type") != "ReplicaFailure"]
    if failure is None:
        return kept
    reason, message = failure
    known = conditions.get(current, "ReplicaFailure")
    if known is not None and known.get("reason") == reason:
        return list(current or ())
    moment = clock.format_rfc3339(now)
    return [
        *kept,
        {
            "type": "ReplicaFailure",
            "status": "True",
            "lastTransitionTime": moment,
            "reason": reason,
            "message": message,
        },
    ]


def _keep_rank(pod: Obj) -> tuple[Any, ...]:
    """Sorts the pods to be deleted first to the front: who serves least, then who is youngest."""
    phase_rank = {"Pending": 0, "Unknown": 1}.get(podfacts.phase(pod), 2)
    ready = podfacts.ready_condition(pod) or {}
    return (
        bool((pod.get("spec") or {}).get("nodeName")),
        phase_rank,
        podfacts.is_ready(pod),
        _deletion_cost(labels.annotations_of(pod)),
        _Reversed(str(ready.get("lastTransitionTime") or "")),
        -podfacts.restarts(pod),
        _Reversed(podfacts.created_at(pod)),
        objectmeta.name_of(pod),
    )


def _deletion_cost(annotations: Mapping[str, str]) -> int:
    try:
        return int(annotations.get(DELETION_COST_ANNOTATION, "0"))
    except ValueError:
        return 0


class _Reversed:
    """Sorts a text in descending order."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __lt__(self, other: _Reversed) -> bool:
        return self.text > other.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and self.text == other.text

    __hash__ = None  # type: ignore[assignment]
