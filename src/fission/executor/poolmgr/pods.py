"""Questions about a pool's pods in wire form, and what becomes of a specialized one. Pure.

What becomes of a specialized pod, first match wins:

=====================================  =========================================================
being deleted, or ended                forget it
its drain is over                      delete it
its drain goes on                      forget it, come back at the end
function or environment gone           delete it
its runtime ended and was restarted    delete it: whether an image reloads its function by itself
                                       is not known, and a generic one would answer for it; where
                                       it serves again drain it: what was known of the pod when it
                                       was chosen may have been old, and calls may be in it
older runtime, and the pool has none   it serves until the pool has
of the new one yet
older generation, runtime or settings  drain it: out of the endpoints, deleted when done
not ready                              forget it until it is
otherwise                              it serves
=====================================  =========================================================
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Final

from fission.api import environment_types, function_types, labels
from fission.base import clock as clocks
from fission.contracts import coldstart
from fission.contracts import environment as runtime_wire
from fission.contracts import fetcher as fetcher_wire
from fission.executor.poolmgr import pool, resources
from fission.meta import labels as meta_labels
from fission.meta import objectmeta, podports, podstate

Obj = dict[str, Any]


LOOK_AGAIN_SECONDS: Final = 0.5
"""While a pod of an old runtime serves because there is none of the new one."""
ENVIRONMENT_UPDATED: Final = "the environment was updated"


@dataclass(frozen=True, slots=True)
class Serve:
    """The pod serves its function; look again after some seconds when that will not last."""

    again_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Forget:
    """Give the pod to nobody; look again after some seconds when that is known."""

    again_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Drain:
    """Take the pod out of the endpoints and delete it later."""

    reason: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the pod."""

    reason: str


Verdict = Serve | Forget | Drain | Delete


def is_generic(pod: Obj) -> bool:
    """Whether no function has the pod, as far as its labels tell."""
    return meta_labels.of(pod).get(labels.MANAGED) == "true"


def generic_pod(pod: Obj) -> pool.GenericPod:
    """The pool's view of a ready pod, with its real ports."""
    metadata = pod["metadata"]
    address = pod["status"]["podIP"]
    host = f"[{address}]" if ":" in address else address
    fetcher_port = podports.resolve_port(pod, fetcher_wire.PORT_NAME)
    service_port = podports.resolve_port(pod, runtime_wire.PORT_NAME)
    return pool.GenericPod(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        fetcher_address=f"{host}:{fetcher_port}",
        service_address=f"{host}:{service_port}",
        runtime_hash=meta_labels.of(pod).get(labels.ENV_RUNTIME_HASH, ""),
        restarts=restarts(pod),
        extra=meta_labels.of(pod).get(labels.POOL_EXTRA) == "true",
        start_seconds=start_seconds(pod),
        environment_uid=meta_labels.of(pod).get(labels.ENVIRONMENT_UID, ""),
        replicaset_uid=_replicaset_uid(pod),
    )


def _replicaset_uid(pod: Obj) -> str:
    controller = objectmeta.controller_of(pod)
    return controller["uid"] if controller and controller["kind"] == "ReplicaSet" else ""


def start_seconds(pod: Obj) -> float | None:
    """How long a ready pod took to become so, in the whole seconds that the API tells."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("lastTransitionTime"):
            ready_at = clocks.parse_rfc3339(condition["lastTransitionTime"])
            made_at = clocks.parse_rfc3339(pod["metadata"]["creationTimestamp"])
            return (ready_at - made_at).total_seconds()
    return None


def restarts(pod: Obj) -> int:
    """How often containers other than the fetcher were started again."""
    return sum(int(one.get("restartCount") or 0) for one in runtime_statuses(pod))


def runtime_ended(pod: Obj) -> bool:
    """Whether the process that loaded the function is not the one that runs now.

    A pod may have waited through restarts before a function came: those do not count. When it came
    the runtime was running, so one that waits to be started has ended.
    """
    before = int(meta_labels.annotations_of(pod).get(resources.RESTARTS_BEFORE) or 0)
    if restarts(pod) > before:
        return True
    states = [one.get("state") or {} for one in runtime_statuses(pod)]
    return any("terminated" in state or "waiting" in state for state in states)


def runtime_statuses(pod: Obj) -> list[Obj]:
    return [
        one
        for one in (pod.get("status") or {}).get("containerStatuses") or ()
        if one.get("name") != fetcher_wire.CONTAINER_NAME
    ]


def decide(
    pod: Obj,
    function: function_types.Function | None,
    environment: environment_types.Environment | None,
    settings_hash: str,
    now: datetime.datetime,
    *,
    is_replaceable: bool = True,
) -> Verdict:
    """What becomes of a specialized pod; ``function`` and ``environment`` by name, if any.

    ``is_replaceable``: the pool has a pod of the environment's present runtime to give.
    """
    found = meta_labels.of(pod)
    annotations = meta_labels.annotations_of(pod)
    phase = (pod.get("status") or {}).get("phase")
    if objectmeta.is_deleting(pod):
        return Forget()
    if phase in ("Failed", "Succeeded"):
        return Delete("the pod has ended")
    drain_until = annotations.get(resources.DRAIN_UNTIL)
    if drain_until:
        left = (clocks.parse_rfc3339(drain_until) - now).total_seconds()
        return Forget(left) if left > 0 else Delete("drained")
    if function is None or function.metadata.uid != found.get(labels.FUNCTION_UID):
        return Delete("the function was deleted")
    if environment is None or environment.metadata.uid != found.get(labels.ENVIRONMENT_UID):
        return Delete("the environment was deleted")
    if runtime_ended(pod):
        reason = "the runtime ended"
        return Drain(reason) if podstate.is_ready(pod) else Delete(reason)
    if found.get(labels.FUNCTION_GENERATION) != str(function.metadata.generation):
        generation = int(found.get(labels.FUNCTION_GENERATION) or 0)
        if generation > function.metadata.generation:
            return (
                Serve() if podstate.is_ready(pod) else Forget()
            )  # our view of the function is behind
        return Drain("the function was updated")
    if found.get(labels.ENV_RUNTIME_HASH) != resources.runtime_hash(environment):
        if not is_replaceable and podstate.is_ready(pod):
            return Serve(LOOK_AGAIN_SECONDS)
        return Drain(ENVIRONMENT_UPDATED)
    if annotations.get(resources.SETTINGS_HASH, "") != settings_hash:
        return Drain("a secret or config map was updated")
    return Serve() if podstate.is_ready(pod) else Forget()


def record_patch(
    pod: pool.GenericPod,
    function: function_types.Function,
    settings_hash: str,
    instance_id: str,
    start: coldstart.ColdStart | None = None,
) -> Obj:
    """The strategic patch by which a pod leaves the pool and joins its function's endpoints.

    It leaves its ReplicaSet as well, which would have to write the same for want of the label.
    """
    metadata = function.metadata
    annotations = {
        labels.SERVICE_HOST: pod.service_address,
        labels.FUNCTION_RESOURCE_VERSION: metadata.resource_version,
        labels.EXECUTOR_INSTANCE_ID: instance_id,
    }
    if start is not None:
        annotations[labels.COLD_START] = coldstart.encode(start)
    if settings_hash:
        annotations[resources.SETTINGS_HASH] = settings_hash
    if pod.restarts:
        annotations[resources.RESTARTS_BEFORE] = str(pod.restarts)
    patch: Obj = {
        "metadata": {
            "labels": {
                labels.MANAGED: "false",
                labels.FUNCTION_NAME: metadata.name,
                labels.FUNCTION_NAMESPACE: metadata.namespace,
                labels.FUNCTION_UID: metadata.uid,
                labels.FUNCTION_GENERATION: str(metadata.generation),
                labels.SERVED: "true",
            },
            "annotations": annotations,
        }
    }
    if pod.replicaset_uid:
        leave = {"$patch": "delete", "uid": pod.replicaset_uid}
        patch["metadata"]["ownerReferences"] = [leave]
    return patch


def drain_patch(until: datetime.datetime) -> Obj:
    """The patch by which a pod leaves its function's endpoints."""
    return {
        "metadata": {
            "labels": {labels.SERVED: None, labels.PROVISIONED: None},
            "annotations": {resources.DRAIN_UNTIL: clocks.format_rfc3339(until)},
        }
    }


def why_hopeless(found: list[Obj]) -> str | None:
    """Why none of a pool's pods will become ready soon; None while one may."""
    reasons = []
    for pod in found:
        if objectmeta.is_deleting(pod):
            continue
        reason = podstate.why_stuck(pod)
        if reason is None:
            return None
        reasons.append(reason)
    if not reasons:
        return "it has no pods"
    return f"its pods cannot start: {reasons[0]}"
