"""What the scheduler needs to know of pods and nodes: small values made from wire objects. Pure."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fission.meta import conditions, labels, objectmeta, quantity

Obj = dict[str, Any]
Amounts = Mapping[str, int]
"""Resource name → thousandths of its unit, so that sums are exact."""

DEFAULT_SCHEDULER = "default-scheduler"
ENDED_PHASES = ("Succeeded", "Failed")
PODS = "pods"


@dataclass(frozen=True, slots=True)
class Toleration:
    key: str
    operator: str
    value: str
    effect: str

    def tolerates(self, taint: Taint) -> bool:
        if self.effect and self.effect != taint.effect:
            return False
        if self.operator == "Exists":
            return not self.key or self.key == taint.key
        return self.key == taint.key and self.value == taint.value


@dataclass(frozen=True, slots=True)
class Taint:
    key: str
    value: str
    effect: str

    @property
    def repels(self) -> bool:
        """PreferNoSchedule is a wish; with one node there is nothing to prefer."""
        return self.effect in ("NoSchedule", "NoExecute")


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod as the scheduler sees it."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    node: str
    """Empty until bound."""
    active: bool
    """Not ended: it uses its requests, also while it is being deleted."""
    waiting: bool
    """For us to bind it."""
    requests: Amounts
    node_selector: Mapping[str, str]
    affinity: bool
    """Has node affinity terms, which are refused by name rather than ignored."""
    tolerations: tuple[Toleration, ...]
    condition: tuple[str, str, str]
    """Status, reason and message of PodScheduled as written."""

    @property
    def key(self) -> tuple[str, str]:
        return self.namespace, self.name


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the scheduler sees it."""

    name: str
    ready: bool
    unschedulable: bool
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    allocatable: Amounts = field(default_factory=dict)


def pod_facts(obj: Obj) -> Pod:
    """Decode a pod; raises ValueError for a bad quantity."""
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    status = obj.get("status") or {}
    active = status.get("phase") not in ENDED_PHASES
    node = str(spec.get("nodeName") or "")
    scheduler = spec.get("schedulerName") or DEFAULT_SCHEDULER
    waiting = (
        active
        and not node
        and not metadata.get("deletionTimestamp")
        and not spec.get("schedulingGates")
        and scheduler == DEFAULT_SCHEDULER
    )
    found = conditions.get(status.get("conditions"), "PodScheduled") or {}
    texts = (found.get(name) for name in ("status", "reason", "message"))
    said = tuple(str(text or "") for text in texts)
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    return Pod(
        namespace=objectmeta.namespace_of(obj),
        name=objectmeta.name_of(obj),
        uid=objectmeta.uid_of(obj),
        resource_version=objectmeta.resource_version_of(obj),
        node=node,
        active=active,
        waiting=waiting,
        requests=_pod_requests(spec),
        node_selector=spec.get("nodeSelector") or {},
        affinity=bool(affinity.get("requiredDuringSchedulingIgnoredDuringExecution")),
        tolerations=tuple(_toleration(one) for one in spec.get("tolerations") or ()),
        condition=(said[0], said[1], said[2]),
    )


def node_facts(obj: Obj) -> Node:
    """Decode a node; raises ValueError for a bad quantity."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    return Node(
        name=objectmeta.name_of(obj),
        ready=conditions.is_true(status.get("conditions"), "Ready"),
        unschedulable=bool(spec.get("unschedulable")),
        labels=labels.of(obj),
        taints=tuple(
            Taint(one["key"], str(one.get("value") or ""), str(one.get("effect") or ""))
            for one in spec.get("taints") or ()
        ),
        allocatable=_amounts(status.get("allocatable") or {}),
    )


def _toleration(obj: Obj) -> Toleration:
    return Toleration(
        str(obj.get("key") or ""),
        str(obj.get("operator") or "Equal"),
        str(obj.get("value") or ""),
        str(obj.get("effect") or ""),
    )


def _pod_requests(spec: Obj) -> Amounts:
    """The larger of all containers together and any one init container, plus the overhead."""
    total: dict[str, int] = {}
    for container in spec.get("containers") or ():
        _add(total, _requests_of(container))
    first: dict[str, int] = {}
    for container in spec.get("initContainers") or ():
        requests = _requests_of(container)
        if container.get("restartPolicy") == "Always":  # a sidecar: it stays beside the others
            _add(total, requests)
            continue
        for name, amount in requests.items():
            first[name] = max(first.get(name, 0), amount)
    for name, amount in first.items():
        total[name] = max(total.get(name, 0), amount)
    _add(total, _amounts(spec.get("overhead") or {}))
    total[PODS] = 1000
    return total


def _requests_of(container: Obj) -> Amounts:
    resources = container.get("resources") or {}
    return _amounts({**(resources.get("limits") or {}), **(resources.get("requests") or {})})


def _add(total: dict[str, int], amounts: Amounts) -> None:
    for name, amount in amounts.items():
        total[name] = total.get(name, 0) + amount


def _amounts(quantities: Mapping[str, Any]) -> dict[str, int]:
    return {name: _millis(str(text)) for name, text in quantities.items()}


@functools.lru_cache(maxsize=512)
def _millis(text: str) -> int:
    return quantity.millis(text)
