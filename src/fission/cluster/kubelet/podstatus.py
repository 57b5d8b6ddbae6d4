"""The status that a pod's state amounts to. Pure: the same state and facts give the same object.

Conditions come in the kubelet's order; those of others (readiness gates) are kept before them.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fission.cluster.kubelet import podstate

Kind, Phase = podstate.Kind, podstate.Phase

OWN_CONDITIONS = (
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
    "Confined",
)

RUNTIME = "fission"
"""Scheme of container ids, where a cluster of containers says `containerd`."""


@dataclass(frozen=True)
class Facts:
    """What the node knows about the pod beside its containers' lives."""

    host_ip: str
    pod_ip: str | None = None
    start_time: float = 0.0
    image_ids: Mapping[str, str] = field(default_factory=dict)
    """Image as a container names it → what runs under that name."""
    unconfined: tuple[str, ...] = ()
    """Promises of the pod's confinement that this machine cannot keep, one sentence each."""


def timestamp(seconds: float) -> str:
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def phase(rules: podstate.PodRules, state: podstate.PodState) -> str:
    """The pod's phase, by the kubelet's rules."""
    if state.failed is not None:
        return "Failed"
    mains = [c for c in state.containers if rules.of(c.name).kind is Kind.MAIN]
    inits = [c for c in state.containers if rules.of(c.name).kind is Kind.INIT]
    if state.torn_down:
        ended = [c.current for c in (*inits, *mains) if c.attempt >= 0]
        good = all(e is not None and e.exit_code == 0 for e in ended)
        started = all(c.attempt >= 0 for c in mains)
        return "Succeeded" if good and started else "Failed"
    if not podstate.is_initialized(rules, state):
        return "Failed" if podstate.is_over(rules, state) else "Pending"
    if podstate.is_over(rules, state):
        good = all(c.current is not None and c.current.exit_code == 0 for c in mains)
        return "Succeeded" if good else "Failed"
    if any(c.phase is Phase.RUNNING for c in mains):
        return "Running"
    # One that ran before and is about to run again keeps the pod Running.
    unstarted = [c for c in mains if c.current is None and c.last is None]
    return "Pending" if unstarted else "Running"


def make_status(
    pod: dict[str, Any],
    rules: podstate.PodRules,
    state: podstate.PodState,
    facts: Facts,
    now: float,
) -> dict[str, Any]:
    """The whole status object, with what others wrote into the old one kept."""
    old = pod.get("status") or {}
    generation = pod["metadata"].get("generation")
    current_phase = phase(rules, state)
    status: dict[str, Any] = {}
    if generation:
        status["observedGeneration"] = generation
    status["phase"] = current_phase
    status["conditions"] = _conditions(pod, rules, state, facts, current_phase, now)
    if state.failed is not None:
        status["reason"], status["message"] = state.failed
    status["hostIP"] = facts.host_ip
    status["hostIPs"] = [{"ip": facts.host_ip}]
    if facts.pod_ip:
        status["podIP"] = facts.pod_ip
        status["podIPs"] = [{"ip": facts.pod_ip}]
    status["startTime"] = timestamp(facts.start_time)
    specs = {
        c["name"]: c
        for c in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"])
    }
    inits = [c for c in state.containers if rules.of(c.name).kind is not Kind.MAIN]
    mains = [c for c in state.containers if rules.of(c.name).kind is Kind.MAIN]
    if inits:
        status["initContainerStatuses"] = [
            _container_status(specs[c.name], rules, state, c, facts, now) for c in inits
        ]
    status["containerStatuses"] = [
        _container_status(specs[c.name], rules, state, c, facts, now)
        for c in sorted(mains, key=lambda c: c.name)
    ]
    status["qosClass"] = old.get("qosClass") or quality_class(pod)
    for key in ("nominatedNodeName", "resize", "ephemeralContainerStatuses"):
        if key in old:
            status[key] = old[key]
    return status


def with_written(pod: dict[str, Any], written: dict[str, Any] | None) -> dict[str, Any]:
    """The pod with our own conditions as last written, where an informer may still lag behind."""
    if written is None:
        return pod
    status = pod.get("status") or {}
    foreign = [c for c in status.get("conditions") or () if c["type"] not in OWN_CONDITIONS]
    own = [c for c in written["conditions"] if c["type"] in OWN_CONDITIONS]
    return {**pod, "status": {**status, "conditions": foreign + own}}


def quality_class(pod: dict[str, Any]) -> str:
    """BestEffort, Burstable or Guaranteed, by the Kubernetes definition."""
    sets = [c.get("resources") or {} for c in pod["spec"]["containers"]]
    if not any(r.get("requests") or r.get("limits") for r in sets):
        return "BestEffort"
    for entry in sets:
        limits = entry.get("limits") or {}
        requests = {**limits, **(entry.get("requests") or {})}
        if any(name not in limits or limits[name] != requests[name] for name in ("cpu", "memory")):
            return "Burstable"
    return "Guaranteed"


def _conditions(
    pod: dict[str, Any],
    rules: podstate.PodRules,
    state: podstate.PodState,
    facts: Facts,
    current_phase: str,
    now: float,
) -> list[dict[str, Any]]:
    old = {c["type"]: c for c in (pod.get("status") or {}).get("conditions") or ()}
    over = current_phase in ("Succeeded", "Failed")
    waiting = [
        c
        for c in state.containers
        if rules.of(c.name).kind is not Kind.INIT and not (c.phase is Phase.RUNNING and c.ready)
    ]
    unready = [c.name for c in waiting]
    if over:
        reason, message = ("PodCompleted" if current_phase == "Succeeded" else "PodFailed"), ""
    else:
        told = [f"{c.name}: {c.message}" for c in waiting if c.reason and c.message]
        reason = "ContainersNotReady"
        message = "; ".join([_names("containers with unready status", unready), *told])
    containers_ready = not unready and not over
    initialized = podstate.is_initialized(rules, state)
    pending = [c.name for c in state.containers if not _is_init_done(rules, c)]
    wanted: list[tuple[str, bool, str, str]] = [
        ("PodReadyToStartContainers", state.sandbox_ready and not state.torn_down, "", ""),
        (
            "Initialized",
            initialized,
            "PodCompleted"
            if current_phase == "Succeeded"
            else "" if initialized else "ContainersNotInitialized",
            "" if initialized else _names("containers with incomplete status", pending),
        ),
    ]  # fmt: skip
    if state.problem is not None and not state.sandbox_ready:
        wanted[0] = (wanted[0][0], False, *state.problem)
    gates = [g["conditionType"] for g in pod["spec"].get("readinessGates") or ()]
    closed = [g for g in gates if (old.get(g) or {}).get("status") != "True"]
    if containers_ready and closed:
        text = ", ".join(f'the status of pod readiness gate "{g}" is not "True"' for g in closed)
        wanted.append(("Ready", False, "ReadinessGatesNotReady", text))
    else:
        ready = containers_ready
        wanted.append(("Ready", ready, "" if ready else reason, "" if ready else message))
    wanted.append(
        (
            "ContainersReady",
            containers_ready,
            "" if containers_ready else reason,
            "" if containers_ready else message,
        )
    )
    wanted.append(("PodScheduled", True, "", ""))
    if facts.unconfined:
        wanted.append(("Confined", False, "NotSupportedByHost", " ".join(facts.unconfined)))
    kept = [c for kind, c in old.items() if kind not in OWN_CONDITIONS]
    generation = pod["metadata"].get("generation")
    return kept + [_condition(old.get(w[0]), generation, w, now) for w in wanted]


def _condition(
    before: dict[str, Any] | None,
    generation: int | None,
    wanted: tuple[str, bool, str, str],
    now: float,
) -> dict[str, Any]:
    kind, value, reason, message = wanted
    text = "True" if value else "False"
    since = timestamp(now)
    if before is not None and before.get("status") == text and before.get("lastTransitionTime"):
        since = before["lastTransitionTime"]
    condition: dict[str, Any] = {"type": kind}
    if generation:
        condition["observedGeneration"] = generation
    condition |= {"status": text, "lastProbeTime": None, "lastTransitionTime": since}
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    return condition


def _is_init_done(rules: podstate.PodRules, container: podstate.Container) -> bool:
    own = rules.of(container.name)
    if own.kind is Kind.INIT:
        return container.current is not None and container.current.exit_code == 0
    return own.kind is Kind.MAIN or container.startup_done


def _names(text: str, names: list[str]) -> str:
    return f"{text}: [{' '.join(names)}]"


def _container_status(
    spec: dict[str, Any],
    rules: podstate.PodRules,
    state: podstate.PodState,
    container: podstate.Container,
    facts: Facts,
    now: float,
) -> dict[str, Any]:
    running = container.phase is Phase.RUNNING
    current, last = _displayed(rules, state, container, now)
    done = rules.of(container.name).kind is Kind.INIT and _is_init_done(rules, container)
    ran = container.attempt >= 0 and bool(container.container_id)
    image = spec.get("image", "")
    status: dict[str, Any] = {
        "name": container.name,
        "state": current,
        "lastState": {"terminated": _terminated(last)} if last else {},
        "ready": done or (running and container.ready),
        "restartCount": max(0, container.attempt),
        "image": image,
        "imageID": facts.image_ids.get(image, image) if ran else "",
    }
    if ran:
        status["containerID"] = container.container_id
    status["started"] = running and container.startup_done
    resources = spec.get("resources") or {}
    if resources.get("requests"):
        status["allocatedResources"] = dict(resources["requests"])
    if ran:
        status["resources"] = dict(resources)
    mounts = [
        {
            "name": m["name"],
            "mountPath": m["mountPath"],
            **({"readOnly": True, "recursiveReadOnly": "Disabled"} if m.get("readOnly") else {}),
        }
        for m in spec.get("volumeMounts") or ()
    ]
    if mounts:
        status["volumeMounts"] = mounts
    return status


def _displayed(
    rules: podstate.PodRules,
    state: podstate.PodState,
    container: podstate.Container,
    now: float,
) -> tuple[dict[str, Any], podstate.Termination | None]:
    """The `state` to show, and the termination that `lastState` shows."""
    if container.phase is Phase.RUNNING:
        return {"running": {"startedAt": timestamp(container.started_at)}}, container.last
    if container.phase is Phase.TERMINATED and container.current is not None:
        again = not state.torn_down and podstate.restarts(
            rules, rules.of(container.name), container.current
        )
        if again and not state.deleting and container.not_before > now:
            wait = container.not_before - container.current.finished_at
            message = (
                f"back-off {_duration(wait)} restarting failed container={container.name} "
                f"pod={rules.name}_{rules.namespace}({rules.uid})"
            )
            waiting = {"reason": "CrashLoopBackOff", "message": message}
            return {"waiting": waiting}, container.current
        return {"terminated": _terminated(container.current)}, container.last
    if container.reason:
        waiting = {"reason": container.reason, "message": container.message}
    elif podstate.is_initialized(rules, state) or rules.of(container.name).kind is not Kind.MAIN:
        waiting = {"reason": "ContainerCreating"}
    else:
        waiting = {"reason": "PodInitializing"}
    if state.problem is not None and not state.sandbox_ready:
        waiting["message"] = state.problem[1]
    return {"waiting": waiting}, container.last


def _duration(seconds: float) -> str:
    whole = max(1, round(seconds))
    return f"{whole // 60}m{whole % 60}s" if whole >= 60 else f"{whole}s"


def _terminated(ended: podstate.Termination) -> dict[str, Any]:
    value: dict[str, Any] = {"exitCode": ended.exit_code}
    if ended.signal:
        value["signal"] = ended.signal
    value["reason"] = ended.reason
    if ended.message:
        value["message"] = ended.message
    value |= {
        "startedAt": timestamp(ended.started_at),
        "finishedAt": timestamp(ended.finished_at),
    }
    if ended.container_id:
        value["containerID"] = ended.container_id
    return value


def identified(pod: dict[str, Any]) -> dict[str, Any]:
    """The pod with kind and version, as an Event's subject needs them."""
    return pod if pod.get("kind") else {"apiVersion": "v1", "kind": "Pod", **pod}
