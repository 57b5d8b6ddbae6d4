"""How many specialized pods a function keeps beforehand, now and next, and which they are. Pure.

The base target holds unless windows are open; of several open ones the highest target counts. A
window is open for its duration after each instant that its cron expression names, so it opens again
before it has closed where the expression is denser than that. A window that cannot be read counts
as closed and is told; the others go on.

What a target becomes:

==============================================  ==================================================
fewer pods than that, under way counted         specialize the rest, oldest services stay kept
as many or more                                 keep that many: those that were kept, then the
                                                oldest; the rest are ordinary pods, idle or not
==============================================  ==================================================
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from fission.api import (
    conditions,
    durations,
    environment_defaults,
    environment_types,
    function_defaults,
    function_types,
)
from fission.base import clock as clocks
from fission.base import cron
from fission.executor import fscache

PROVISIONED: Final = "Provisioned"
CLAMPED: Final = "ProvisionedClamped"
PROVISIONING: Final = "Provisioning"
FAILED: Final = "ProvisioningFailed"
INVALID: Final = "InvalidSchedule"
UNUSABLE: Final = "NotProvisionable"


@dataclass(frozen=True, slots=True)
class Target:
    """What is aimed at until ``next_edge``."""

    asked: int = 0
    """By the spec: the base target or that of the open window."""
    count: int = 0
    """After the caps."""
    window: str = ""
    """The open window that counts."""
    next_edge: datetime.datetime | None = None
    faults: tuple[str, ...] = ()
    obstacle: str = ""
    """Why nothing is kept although something is asked for."""
    cap: str = ""
    """What lowered the target."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done for one function."""

    kept: frozenset[str] = frozenset()
    """Pod UIDs that are not reaped."""
    start: int = 0
    """Pods to specialize."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the Function's status is to say; ``reason`` empty: there is nothing to say."""

    generation: int
    ready: int = 0
    target: int = 0
    asked: int = 0
    value: str = conditions.TRUE
    reason: str = ""
    message: str = ""


@dataclass(slots=True)
class Opening:
    """What one window says at an instant."""

    is_open: bool
    edge: datetime.datetime | None
    fault: str = field(default="")


def opening(
    window: function_types.ProvisionedWindow, anchor: datetime.datetime, now: datetime.datetime
) -> Opening:
    """Whether a window is open and until or from when; ``@every`` counts from ``anchor``."""
    try:
        length = datetime.timedelta(seconds=durations.parse_seconds(window.duration))
        # The first start that is not over yet: it has begun, or it is the next.
        start = cron.parse(window.start).anchored(anchor).next_after(now - length)
    except (cron.CronError, durations.DurationError, OverflowError) as error:
        return Opening(False, None, f"window {window.name}: {error}")
    if start <= now:
        return Opening(True, start + length)
    return Opening(False, start)


def target(
    function: function_types.Function,
    environment: environment_types.Environment | None,
    cap: int,
    now: datetime.datetime,
) -> Target:
    """What to aim at now; ``cap`` is the setting's limit for one function."""
    wanted = function.spec.provisioned_concurrency
    if wanted is None or function.metadata.deletion_timestamp:
        return Target()
    obstacle = _obstacle(function, environment, cap)
    if obstacle:
        return Target(asked=wanted.target, obstacle=obstacle)
    anchor = _created_at(function) or now
    openings = [(window, opening(window, anchor, now)) for window in wanted.windows]
    edges = [one.edge for _, one in openings if one.edge is not None]
    open_now = [window for window, one in openings if one.is_open]
    best = max(open_now, key=lambda window: window.target, default=None)
    asked = wanted.target if best is None else best.target
    limit = function_defaults.concurrency(function.spec)
    count = max(0, min(asked, limit, cap))
    return Target(
        asked=asked,
        count=count,
        window=best.name if best is not None else "",
        next_edge=min(edges, default=None),
        faults=tuple(one.fault for _, one in openings if one.fault),
        cap=_cap(asked, limit, cap),
    )


def _created_at(function: function_types.Function) -> datetime.datetime | None:
    text = function.metadata.creation_timestamp
    return clocks.parse_rfc3339(text) if text else None


def _obstacle(
    function: function_types.Function,
    environment: environment_types.Environment | None,
    cap: int,
) -> str:
    executor = function_defaults.executor_type(function.spec)
    if executor != function_types.POOLMGR:
        return f"executor type {executor} keeps pods by its minscale; only poolmgr provisions"
    if function.spec.once_only:
        return "a onceOnly function uses a pod once; none can be kept for it"
    if cap <= 0:
        return "provisioned concurrency is turned off (EXECUTOR_PROVISIONED_MAX_PER_FUNCTION)"
    if environment is not None and environment_defaults.is_infinite(environment.spec):
        return "the environment's pods are shared by its functions and stay anyway"
    return ""


def _cap(asked: int, concurrency: int, cap: int) -> str:
    if asked <= min(concurrency, cap):
        return ""
    if concurrency <= cap:
        return f"concurrency {concurrency}"
    return f"the platform's limit of {cap} for one function"


def plan(
    count: int,
    services: Iterable[fscache.FunctionService],
    used: int,
    kept: Collection[str],
) -> Plan:
    """Which of a generation's services are kept and how many are missing.

    ``used``: the services and the specializations under way. ``kept``: pod UIDs that were kept, by
    this process or, as labels tell, by one before it.
    """
    usable = sorted(
        (one for one in services if not one.once),
        key=lambda one: (one.pod_uid not in kept, one.created_at, one.pod_uid),
    )
    chosen = frozenset(one.pod_uid for one in usable[:count])
    return Plan(chosen, max(0, count - used))


def report(function: function_types.Function, aim: Target, ready: int, failure: str = "") -> Report:
    """What the Function's status says of the target and the pods that there are."""
    generation = function.metadata.generation
    if function.spec.provisioned_concurrency is None:
        return Report(generation)

    def say(value: str, reason: str, message: str) -> Report:
        return Report(generation, ready, aim.count, aim.asked, value, reason, message)

    if aim.obstacle:
        return say(conditions.FALSE, UNUSABLE, aim.obstacle)
    during = f" (window {aim.window})" if aim.window else ""
    state = f"{ready} of {aim.count} pods are ready{during}"
    is_met = ready >= aim.count
    value = conditions.TRUE if is_met else conditions.FALSE
    if aim.faults:
        return say(conditions.FALSE, INVALID, f"{'; '.join(aim.faults)}; {state}")
    if failure and not is_met:
        return say(value, FAILED, f"{state}: {failure}")
    if aim.cap:
        return say(value, CLAMPED, f"{state}; {aim.asked} are asked for, {aim.cap} is less")
    return say(value, PROVISIONED if is_met else PROVISIONING, state)


def backoff_seconds(failures: int) -> float:
    """How long to wait after so many failures in a row."""
    return float(min(60.0, 1.0 * 2.0 ** min(max(failures, 1) - 1, 10)))


def until(edge: datetime.datetime | None, now: datetime.datetime, most: float) -> float:
    """Seconds until an edge, ``most`` where there is none or it is far."""
    if edge is None:
        return most
    return min(max((edge - now).total_seconds(), 0.0), most)
