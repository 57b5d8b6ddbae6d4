"""Which function services have been idle for long enough to give their pods back. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from fission.executor import fscache

MIN_DRAIN_SECONDS = 30.0
MAX_DRAIN_SECONDS = 300.0
"""Fission's bounds for the time between leaving the endpoints and being deleted."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a function's pods may stand idle, and how many of them stay anyway."""

    idle_timeout_seconds: float
    retain_pods: int = 0


def plan_reap(
    services: Iterable[fscache.FunctionService],
    policy: Policy,
    now: float,
    kept: Collection[str] = (),
) -> list[fscache.FunctionService]:
    """Choose among one function generation's services those to drain.

    Nothing that serves a request is chosen; ``retain_pods`` of the idle ones, the most recently
    used, are kept; a service that was given out once and is idle is never of use again, so it
    goes first and is not retained. Pods whose UID is in ``kept`` stay, besides those.
    """
    idle = [
        service
        for service in services
        if service.pod_uid not in kept
        and service.active_requests(now) == 0
        and now - service.last_used_at > policy.idle_timeout_seconds
    ]
    spent = [service for service in idle if service.once]
    usable = sorted(
        (service for service in idle if not service.once),
        key=lambda service: service.last_used_at,
        reverse=True,
    )
    return spent + usable[policy.retain_pods :]


def drain_seconds(function_timeout_seconds: float) -> float:
    """How long a pod that left the endpoints may still finish what it was given."""
    return min(max(MIN_DRAIN_SECONDS, function_timeout_seconds), MAX_DRAIN_SECONDS)
