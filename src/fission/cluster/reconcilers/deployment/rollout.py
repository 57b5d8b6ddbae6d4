"""The arithmetic of rollouts: how many pods may be above or below what is declared. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one Deployment: what is declared and how far a rollout may stray."""

    replicas: int
    max_surge: int
    max_unavailable: int

    @property
    def most(self) -> int:
        return self.replicas + self.max_surge

    @property
    def least_available(self) -> int:
        return self.replicas - self.max_unavailable


def bounds_of(deployment: Mapping[str, Any]) -> Bounds:
    """Percentages count of the declared replicas: surge rounded up, unavailability down."""
    spec = deployment.get("spec") or {}
    replicas = replicas_of(deployment)
    if not is_rolling(deployment):
        return Bounds(replicas, 0, 0)
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    surge = _scaled(rolling.get("maxSurge", "25%"), replicas, round_up=True)
    unavailable = _scaled(rolling.get("maxUnavailable", "25%"), replicas, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Bounds(replicas, surge, min(unavailable, replicas))


def is_rolling(deployment: Mapping[str, Any]) -> bool:
    strategy = (deployment.get("spec") or {}).get("strategy") or {}
    return bool(strategy.get("type", "RollingUpdate") == "RollingUpdate")


def replicas_of(workload: Mapping[str, Any]) -> int:
    """The declared replicas of a Deployment or ReplicaSet; one when nothing is said."""
    replicas = (workload.get("spec") or {}).get("replicas")
    return 1 if replicas is None else int(replicas)


def new_replicas(bounds: Bounds, new: int, total: int, *, rolling: bool) -> int:
    """What the new ReplicaSet may have now: ``new`` of ``total`` pods are its own."""
    if not rolling:
        return bounds.replicas
    room = bounds.most - total
    if room <= 0:
        return new
    return new + min(room, bounds.replicas - new)


def old_surplus(bounds: Bounds, total: int, new: int, new_available: int) -> int:
    """How many pods of old ReplicaSets may go while enough stay available."""
    new_unavailable = new - new_available
    return max(0, total - bounds.least_available - new_unavailable)


def proportion(size: int, declared_before: int, declared: int, left: int) -> int:
    """A ReplicaSet's share (negative when shrinking) of ``left`` replicas to hand out.

    Its size is scaled as the whole was, and never takes more than is left.
    """
    if size == 0 or left == 0 or declared_before == 0:
        return 0
    share = math.floor(size * declared / declared_before + 0.5) - size
    return min(share, left) if left > 0 else max(share, left)


def _scaled(value: str | int, replicas: int, *, round_up: bool) -> int:
    text = str(value)
    if not text.endswith("%"):
        return int(text)
    exact = int(text[:-1]) * replicas / 100
    return math.ceil(exact) if round_up else math.floor(exact)
