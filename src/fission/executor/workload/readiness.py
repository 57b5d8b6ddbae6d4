"""What a function's own pods say: up, coming, or stuck and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fission.contracts import fetcher as fetcher_wire
from fission.meta import conditions, objectmeta, podstate

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Up:
    """At least one pod serves."""


@dataclass(frozen=True, slots=True)
class Coming:
    """Nothing is wrong so far."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """None of the pods will serve soon."""

    message: str
    by_function: bool = False
    """The function or its package did not load: the fetcher's and runtime's own words."""


State = Up | Coming | Stuck


def assess(deployment: Obj | None, pods: Iterable[Obj]) -> State:
    """The state of a function; ``pods`` are all that carry its labels."""
    if deployment is None or objectmeta.is_deleting(deployment):
        return Coming()
    if not deployment["spec"].get("replicas", 1):
        return Coming()
    live = [pod for pod in pods if not objectmeta.is_deleting(pod)]
    if any(podstate.is_ready(pod) for pod in live):
        return Up()
    found = [why for why in map(why_stuck, live) if why is not None]
    if live and len(found) == len(live):
        return max(found, key=lambda why: why.by_function)
    if not live:
        failure = conditions.get(
            (deployment.get("status") or {}).get("conditions"), "ReplicaFailure"
        )
        if failure is not None and failure.get("status") == "True":
            return Stuck(str(failure.get("message") or failure.get("reason")))
    return Coming()


def why_stuck(pod: Obj) -> Stuck | None:
    """Why a pod will not serve soon; None while it may."""
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        if container.get("name") != fetcher_wire.CONTAINER_NAME or container.get("ready"):
            continue
        state = container.get("state") or {}
        ended = state.get("terminated")
        if ended is None and "waiting" in state:
            ended = (container.get("lastState") or {}).get("terminated")
        message = str((ended or {}).get("message") or "").strip()
        if message:
            return Stuck(message, by_function=True)
    reason = podstate.why_stuck(pod)
    return None if reason is None else Stuck(f"pod {objectmeta.name_of(pod)}: {reason}")
