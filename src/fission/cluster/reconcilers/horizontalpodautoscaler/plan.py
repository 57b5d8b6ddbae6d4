"""One look at one autoscaler: metrics in, a number of replicas and a status out. Pure.

``decide`` says how many there should be and why; ``settle`` makes the status, once it is known
whether the target took the number.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fission.base import clock
from fission.cluster.reconcilers.horizontalpodautoscaler import behavior as behaviors
from fission.cluster.reconcilers.horizontalpodautoscaler import replicas
from fission.meta import conditions, quantity

Obj = dict[str, Any]
Event = tuple[str, str, str]

NOT_SERVED = {
    "Pods": ("FailedGetPodsMetric", "custom.metrics.k8s.io"),
    "Object": ("FailedGetObjectMetric", "custom.metrics.k8s.io"),
    "External": ("FailedGetExternalMetric", "external.metrics.k8s.io"),
}
"""Metrics that the embedded cluster has no source for: reason, and the API that is missing."""
FAILED = {
    "Resource": "FailedGetResourceMetric",
    "ContainerResource": "FailedGetContainerResourceMetric",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be scaled."""

    replicas: int
    selector: str
    """Empty when the target has none."""


@dataclass(frozen=True, slots=True)
class Observed:
    target: Target | None
    why_no_target: str = ""
    pods: Sequence[Obj] = ()
    """Those that the target's selector selects."""
    metrics: Sequence[Obj] = ()
    """PodMetrics of the namespace."""
    why_no_metrics: str = ""
    rivals: Sequence[str] = ()
    """Other autoscalers that select some of the pods."""


@dataclass(frozen=True, slots=True)
class Decision:
    current: int
    desired: int
    memory: behaviors.Memory
    why: str = ""
    """Set when the number is to be written."""
    conditions: tuple[Obj, ...] = ()
    metrics: tuple[Obj, ...] | None = None
    """None keeps what the status has."""
    events: tuple[Event, ...] = ()

    @property
    def rescales(self) -> bool:
        return bool(self.why)


@dataclass(slots=True)
class _Look:
    """A decision in the making."""

    conditions: list[Obj]
    moment: replicas.Moment
    events: list[Event] = field(default_factory=list)

    def tell(self, type_: str, status: str, reason: str, message: str) -> bool:
        return conditions.set_condition(
            self.conditions, type_, status, reason, message, self.moment.now
        )

    def fail(self, type_: str, reason: str, message: str) -> None:
        """A condition that is false, and an Event when that is news."""
        if self.tell(type_, "False", reason, message):
            self.events.append(("Warning", reason, message))

    def decision(self, current: int, desired: int, memory: behaviors.Memory) -> Decision:
        return Decision(
            current, desired, memory, conditions=tuple(self.conditions), events=tuple(self.events)
        )


def decide(
    hpa: Obj,
    observed: Observed,
    memory: behaviors.Memory,
    default: behaviors.Behavior,
    moment: replicas.Moment,
    monotonic: float,
) -> Decision:
    """What is to be done now; ``memory`` of the decision is for the next look."""
    spec, before = hpa["spec"], hpa.get("status") or {}
    look = _Look(list(before.get("conditions") or ()), moment)
    target = observed.target
    if target is None:
        message = (
            "the HPA controller was unable to get the target's current scale: "
            f"{observed.why_no_target}"
        )
        look.fail("AbleToScale", "FailedGetScale", message)
        kept = int(before.get("currentReplicas") or 0), int(before.get("desiredReplicas") or 0)
        return look.decision(*kept, memory)
    current = target.replicas
    least, most = int(spec.get("minReplicas") or 1), int(spec["maxReplicas"])
    if current == 0:
        look.tell(
            "AbleToScale",
            "True",
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale",
        )
        look.tell(
            "ScalingActive",
            "False",
            "ScalingDisabled",
            "scaling is disabled since the replica count of the target is zero",
        )
        return look.decision(0, 0, behaviors.Memory())
    memory = memory.begun(current, monotonic)
    if not least <= current <= most:
        bound, name = (
            (most, "above Spec.MaxReplicas")
            if current > most
            else (
                least,
                "below Spec.MinReplicas",
            )
        )
        found = look.decision(current, bound, memory)
        return dataclasses.replace(found, why=f"Current number of replicas {name}")
    return _by_metrics(spec, target, observed, memory, default, look, monotonic)


def _by_metrics(
    spec: Obj,
    target: Target,
    observed: Observed,
    memory: behaviors.Memory,
    default: behaviors.Behavior,
    look: _Look,
    monotonic: float,
) -> Decision:
    current = target.replicas
    behavior = behaviors.parse(spec.get("behavior"), default)
    wanted, name, seen = _wanted(spec, target, observed, behavior, look)
    if wanted is None:
        look.tell(
            "AbleToScale",
            "True",
            "SucceededGetScale",
            "the HPA controller was able to get the target's current scale",
        )
        return dataclasses.replace(look.decision(current, current, memory), metrics=seen)
    held = behaviors.stabilized(current, wanted, memory.wishes, behavior, monotonic)
    look.tell("AbleToScale", "True", held.reason, held.message)
    least, most = int(spec.get("minReplicas") or 1), int(spec["maxReplicas"])
    final = behaviors.limited(
        current, held.replicas, least, most, memory.changes, behavior, monotonic
    )
    limits = "False" if final.replicas == held.replicas else "True"
    look.tell("ScalingLimited", limits, final.reason, final.message)
    memory = memory.wished(wanted, monotonic, behavior)
    why = ""
    if final.replicas > current:
        why = f"{name} above target"
    elif final.replicas < current:
        why = "All metrics below target"
    if why:
        memory = memory.changed(final.replicas - current, monotonic, behavior)
    found = look.decision(current, final.replicas, memory)
    return dataclasses.replace(found, why=why, metrics=seen)


def _wanted(
    spec: Obj,
    target: Target,
    observed: Observed,
    behavior: behaviors.Behavior,
    look: _Look,
) -> tuple[int | None, str, tuple[Obj, ...]]:
    """The largest number that any metric asks for; None when nothing may be concluded."""
    if not target.selector:
        message = "the HPA target's scale is missing a selector"
        look.fail("ScalingActive", "InvalidSelector", message)
        return None, "", ()
    if observed.rivals:
        names = " ".join(sorted(observed.rivals))
        message = f"pods by selector {target.selector} are controlled by multiple HPAs: [{names}]"
        look.fail("ScalingActive", "AmbiguousSelector", message)
        return None, "", ()
    best: tuple[int, str] | None = None
    failures: list[tuple[str, str]] = []
    seen: list[Obj] = []
    for metric in spec["metrics"]:
        try:
            proposal, name = _propose(metric, target.replicas, observed, behavior, look.moment)
        except replicas.MetricError as error:
            failures.append((_failed_reason(metric), str(error)))
            seen.append({"type": ""})
            continue
        seen.append(_seen(metric, proposal))
        if best is None or proposal.replicas > best[0]:
            best = proposal.replicas, name
    # Without all metrics nothing says that fewer would do.
    if best is None or (failures and best[0] < target.replicas):
        reason, why = failures[0]
        message = f"the HPA was unable to compute the replica count: {why}"
        look.fail("ScalingActive", reason, message)
        return None, "", tuple(seen)
    message = f"the HPA was able to successfully calculate a replica count from {best[1]}"
    look.tell("ScalingActive", "True", "ValidMetricFound", message)
    return best[0], best[1], tuple(seen)


def _failed_reason(metric: Obj) -> str:
    kind = str(metric.get("type"))
    return FAILED.get(kind) or NOT_SERVED.get(kind, ("InvalidMetricSourceType", ""))[0]


def _propose(
    metric: Obj,
    current: int,
    observed: Observed,
    behavior: behaviors.Behavior,
    moment: replicas.Moment,
) -> tuple[replicas.Proposal, str]:
    """What one metric asks for, and its name; raises MetricError."""
    kind = str(metric.get("type"))
    if kind in NOT_SERVED:
        field_name = kind[:1].lower() + kind[1:]
        name = ((metric.get(field_name) or {}).get("metric") or {}).get("name") or ""
        raise replicas.MetricError(
            f"unable to get metric {name}: the embedded cluster does not serve "
            f"{NOT_SERVED[kind][1]}; use a metric of type Resource or ContainerResource"
        )
    if kind not in FAILED:
        raise replicas.MetricError(f"unknown metric source type {kind!r}")
    source = metric["resource" if kind == "Resource" else "containerResource"]
    resource, container = str(source["name"]), source.get("container")
    target = source["target"]
    label = f"{resource} container resource" if container else f"{resource} resource"
    if observed.why_no_metrics:
        raise replicas.MetricError(
            f"failed to get {resource} usage: unable to get metrics for resource {resource}: "
            f"{observed.why_no_metrics}"
        )
    used = replicas.readings(observed.metrics, resource, container)
    tolerance = behavior.tolerance
    if target.get("averageUtilization") is not None:
        try:
            found = replicas.by_percent(
                current,
                observed.pods,
                used,
                resource,
                container,
                int(target["averageUtilization"]),
                tolerance,
                moment,
            )
        except replicas.MetricError as error:
            raise replicas.MetricError(f"failed to get {resource} utilization: {error}") from error
        return found, f"{label} utilization (percentage of request)"
    wanted = quantity.millis(target["averageValue"])
    try:
        found = replicas.by_value(current, observed.pods, used, resource, wanted, tolerance, moment)
    except replicas.MetricError as error:
        raise replicas.MetricError(f"failed to get {resource} usage: {error}") from error
    return found, label


def _seen(metric: Obj, proposal: replicas.Proposal) -> Obj:
    """A MetricStatus."""
    kind = str(metric["type"])
    place = "resource" if kind == "Resource" else "containerResource"
    source = metric[place]
    current: Obj = {"averageValue": quantity.canonical(f"{proposal.average_millis}m")}
    if proposal.percent is not None:
        current = {"averageUtilization": proposal.percent, **current}
    shown: Obj = {"name": source["name"], "current": current}
    if kind == "ContainerResource":
        shown["container"] = source["container"]
    return {"type": kind, place: shown}


def settle(
    hpa: Obj, decision: Decision, failure: str | None, moment: replicas.Moment
) -> tuple[Obj, list[Event]]:
    """The status and Events, after the number was written; ``failure`` says why it was not."""
    before: Mapping[str, Any] = hpa.get("status") or {}
    look = _Look(list(decision.conditions), moment, list(decision.events))
    desired, last = decision.desired, before.get("lastScaleTime")
    if decision.rescales and failure is None:
        message = f"the HPA controller was able to update the target scale to {desired}"
        look.tell("AbleToScale", "True", "SucceededRescale", message)
        told = f"New size: {desired}; reason: {decision.why}"
        look.events.append(("Normal", "SuccessfulRescale", told))
        last = clock.format_rfc3339(moment.now)
    elif decision.rescales:
        message = f"the HPA controller was unable to update the target scale: {failure}"
        look.tell("AbleToScale", "False", "FailedUpdateScale", message)
        told = f"New size: {desired}; reason: {decision.why}; error: {failure}"
        look.events.append(("Warning", "FailedRescale", told))
        desired = decision.current
    status: Obj = {"currentReplicas": decision.current, "desiredReplicas": desired}
    if last is not None:
        status["lastScaleTime"] = last
    seen = before.get("currentMetrics") if decision.metrics is None else list(decision.metrics)
    status["currentMetrics"] = seen or None
    status["conditions"] = look.conditions
    return status, look.events
