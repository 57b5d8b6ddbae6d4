"""What is kept of pods, Deployments and autoscalers: a few hundred bytes each. Pure.

There may be thousands; what the executor made it can make again, so templates are not kept.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from fission.api import labels

Obj = dict[str, Any]

_LABELS: Final = frozenset(
    {
        labels.EXECUTOR_TYPE,
        labels.FUNCTION_NAME,
        labels.FUNCTION_NAMESPACE,
        labels.FUNCTION_UID,
        labels.ENVIRONMENT_NAME,
        labels.ENVIRONMENT_NAMESPACE,
    }
)
_METADATA: Final = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
)
_POD_STATUS: Final = ("phase", "podIP", "message", "reason")
_CONTAINER: Final = ("name", "ready", "restartCount", "state", "lastState")


def pod(wire: Obj) -> Obj:
    """Whose it is, whether it serves, what keeps it from that, and what may end it."""
    status = wire.get("status") or {}
    kept = {name: status[name] for name in _POD_STATUS if name in status}
    kept["conditions"] = [
        one for one in status.get("conditions") or () if one.get("type") == "PodScheduled"
    ]
    kept["containerStatuses"] = [
        {name: one[name] for name in _CONTAINER if name in one}
        for one in status.get("containerStatuses") or ()
    ]
    return {
        "metadata": _metadata(wire, with_annotations=False),
        "spec": {"containers": _memory_limits(wire)},
        "status": kept,
    }


def _memory_limits(wire: Obj) -> list[Obj]:
    """Of the containers that have one: who is killed for it is told how much it was."""
    found = []
    for one in (wire.get("spec") or {}).get("containers") or ():
        limit = ((one.get("resources") or {}).get("limits") or {}).get("memory")
        if limit:
            found.append({"name": one["name"], "resources": {"limits": {"memory": limit}}})
    return found


def deployment(wire: Obj) -> Obj:
    """Whose it is, what it was made from, its size, and what its controller complains of."""
    spec = {name: wire["spec"][name] for name in ("replicas", "selector") if name in wire["spec"]}
    found = (wire.get("status") or {}).get("conditions") or ()
    failures = [one for one in found if one.get("type") == "ReplicaFailure"]
    return {
        "metadata": _metadata(wire, with_annotations=True),
        "spec": spec,
        "status": {"conditions": failures},
    }


def autoscaler(wire: Obj) -> Obj:
    """Whose it is and what it was made from."""
    return {"metadata": _metadata(wire, with_annotations=True)}


def _metadata(wire: Obj, *, with_annotations: bool) -> Obj:
    metadata = wire["metadata"]
    kept = {name: metadata[name] for name in _METADATA if name in metadata}
    kept["labels"] = {
        sys.intern(name): sys.intern(value)
        for name, value in (metadata.get("labels") or {}).items()
        if name in _LABELS
    }
    if with_annotations:
        kept["annotations"] = metadata.get("annotations") or {}
    return kept
