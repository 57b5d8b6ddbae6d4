"""What slow housekeeping finds to do. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fission.base import clock
from fission.cluster.reconcilers import podfacts
from fission.kube import actions
from fission.meta import codec, conditions, gvk, objectmeta

Obj = dict[str, Any]

NODE_SILENCE_SECONDS = 40.0
"""A node whose lease is older than this is not ready; upstream's grace period."""
EVENT_LIFETIME = datetime.timedelta(hours=1)
"""Upstream's --event-ttl."""
MAX_ENDED_PODS = 500
"""Ended pods that are kept for people to look at."""
NODE_LEASES = "kube-node-lease"


def plan_nodes(
    nodes: Iterable[Obj], leases: Mapping[str, Obj], now: datetime.datetime
) -> list[actions.Action]:
    """Say of silent nodes that nobody knows how they are. Their pods stay: they may well run."""
    found: list[actions.Action] = []
    for node in nodes:
        known = (node.get("status") or {}).get("conditions")
        ready = conditions.get(known, "Ready")
        if ready is None or ready.get("status") == "Unknown":
            continue
        renewed = ((leases.get(objectmeta.name_of(node)) or {}).get("spec") or {}).get("renewTime")
        if renewed is None:
            continue
        if (now - clock.parse_rfc3339(renewed)).total_seconds() <= NODE_SILENCE_SECONDS:
            continue
        changed: Obj = codec.deep_copy(node)
        conditions.set_condition(
            changed["status"]["conditions"],
            "Ready",
            "Unknown",
            "NodeStatusUnknown",
            "Kubelet stopped posting node status.",
            now,
        )
        found.append(actions.UpdateStatus(gvk.NODES, changed))
    return found


def plan_ended_pods(pods: Iterable[Obj]) -> list[actions.Action]:
    """Delete the oldest ended pods beyond the limit."""
    ended = [pod for pod in pods if podfacts.has_ended(pod) and not objectmeta.is_deleting(pod)]
    surplus = len(ended) - MAX_ENDED_PODS
    if surplus <= 0:
        return []
    oldest = sorted(ended, key=podfacts.created_at)[:surplus]
    return [actions.delete_of(gvk.PODS, pod, grace_period_seconds=0) for pod in oldest]


def plan_events(events: Sequence[Obj], now: datetime.datetime) -> list[actions.Action]:
    """Delete Events that were last told longer ago than their lifetime."""
    limit = clock.format_rfc3339(now - EVENT_LIFETIME)
    return [actions.delete_of(gvk.EVENTS, event) for event in events if _last_told(event) < limit]


def _last_told(event: Obj) -> str:
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event["metadata"].get("creationTimestamp"),
    )
    return next((str(time) for time in times if time), "")
