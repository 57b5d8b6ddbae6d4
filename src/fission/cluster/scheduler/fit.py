"""Which node a pod fits on, or in one sentence why none does. Pure.

``Usage`` adds up what the pods of each node have asked for, from changes of pods; pods bound a
moment ago count before the informer shows it.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable
from dataclasses import dataclass

from fission.cluster.scheduler import facts


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """No node fits; ``message`` is for people."""

    message: str


class Usage:
    """Requests by node."""

    def __init__(self) -> None:
        self._totals: dict[str, collections.Counter[str]] = {}
        self._counted: dict[str, tuple[str, facts.Amounts]] = {}

    def count(self, pod: facts.Pod, node: str) -> None:
        """The pod uses ``node`` from now on; an empty node, or an ended pod, uses none."""
        self.forget(pod.uid)
        if not node or not pod.active:
            return
        self._counted[pod.uid] = (node, pod.requests)
        total = self._totals.setdefault(node, collections.Counter())
        total.update(pod.requests)

    def forget(self, uid: str) -> None:
        """The pod uses nothing any more."""
        known = self._counted.pop(uid, None)
        if known is not None:
            node, requests = known
            self._totals[node].subtract(requests)

    def node_of(self, uid: str) -> str:
        """The node that a pod is counted on; empty when on none."""
        known = self._counted.get(uid)
        return known[0] if known else ""

    def of(self, node: str) -> facts.Amounts:
        return self._totals.get(node, {})


def choose(pod: facts.Pod, nodes: Iterable[facts.Node], usage: Usage) -> facts.Node | Unschedulable:
    """The fitting node with most pods' room left, or why there is none."""
    candidates = list(nodes)
    if not candidates:
        return Unschedulable("no nodes available to schedule pods")
    reasons: collections.Counter[str] = collections.Counter()
    fitting = []
    for node in candidates:
        obstacles = obstacles_of(pod, node, usage.of(node.name))
        reasons.update(obstacles)
        if not obstacles:
            fitting.append(node)
    if fitting:
        return min(fitting, key=lambda node: (usage.of(node.name).get(facts.PODS, 0), node.name))
    listed = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return Unschedulable(f"0/{len(candidates)} nodes are available: {listed}.")


def obstacles_of(pod: facts.Pod, node: facts.Node, used: facts.Amounts) -> list[str]:
    """Everything that keeps a pod off a node, in Kubernetes' words."""
    if not node.ready:
        return ["node(s) were not ready"]
    found = []
    if node.unschedulable:
        found.append("node(s) were unschedulable")
    for taint in node.taints:
        if taint.repels and not any(one.tolerates(taint) for one in pod.tolerations):
            text = f"{taint.key}: {taint.value}" if taint.value else taint.key
            found.append(f"node(s) had untolerated taint {{{text}}}")
            break
    if not pod.node_selector.items() <= node.labels.items():
        found.append("node(s) didn't match Pod's node affinity/selector")
    if pod.affinity:
        found.append("node(s) cannot judge required node affinity, which is not supported here")
    for name, amount in pod.requests.items():
        if amount == 0:
            continue
        free = node.allocatable.get(name, 0) - used.get(name, 0)
        if name in node.allocatable and amount > free:
            found.append("Too many pods" if name == facts.PODS else f"Insufficient {name}")
        elif name not in node.allocatable and name != facts.PODS:
            found.append(f"Insufficient {name}")
    return found
