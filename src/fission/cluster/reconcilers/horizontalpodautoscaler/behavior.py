"""How fast the number of pods may change: stabilization windows and rates. Pure.

``behavior`` of the object, or Kubernetes' defaults: up by four pods or by doubling, whichever is
more, every 15 seconds and at once; down to any number, but not below what was wanted at any time in
the last five minutes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fission.cluster.reconcilers.horizontalpodautoscaler import replicas
from fission.meta import quantity

DEFAULT_DOWN_WINDOW_SECONDS = 300.0
DEFAULT_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Policy:
    type: str
    """``Pods`` or ``Percent``."""
    value: int
    period_seconds: float


@dataclass(frozen=True, slots=True)
class Rules:
    """Of one direction."""

    window_seconds: float
    select: str
    """``Max``, ``Min`` (of what the policies allow) or ``Disabled``."""
    policies: tuple[Policy, ...]
    tolerance: float = DEFAULT_TOLERANCE


UP = Rules(0.0, "Max", (Policy("Pods", 4, 15.0), Policy("Percent", 100, 15.0)))
DOWN = Rules(DEFAULT_DOWN_WINDOW_SECONDS, "Max", (Policy("Percent", 100, 15.0),))


@dataclass(frozen=True, slots=True)
class Behavior:
    up: Rules = UP
    down: Rules = DOWN

    @property
    def tolerance(self) -> replicas.Tolerance:
        return replicas.Tolerance(self.down.tolerance, self.up.tolerance)


def parse(spec: Mapping[str, Any] | None, default: Behavior) -> Behavior:
    """``spec.behavior``; what is absent is the default."""
    given = spec or {}
    return Behavior(
        _rules(given.get("scaleUp"), default.up), _rules(given.get("scaleDown"), default.down)
    )


def _rules(given: Mapping[str, Any] | None, default: Rules) -> Rules:
    if given is None:
        return default
    window, tolerance = given.get("stabilizationWindowSeconds"), given.get("tolerance")
    policies = tuple(
        Policy(str(one["type"]), int(one["value"]), float(one["periodSeconds"]))
        for one in given.get("policies") or ()
    )
    return Rules(
        default.window_seconds if window is None else float(window),
        str(given.get("selectPolicy") or default.select),
        policies or default.policies,
        default.tolerance if tolerance is None else float(quantity.parse(tolerance)),
    )


@dataclass(frozen=True, slots=True)
class Change:
    """Replicas were added (positive) or removed (negative) at a moment."""

    at: float
    replicas: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What metrics asked for at a moment, before anything held it back."""

    at: float
    replicas: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What one autoscaler remembers; moments are monotonic seconds."""

    wishes: tuple[Wish, ...] = ()
    changes: tuple[Change, ...] = field(default=())

    def begun(self, current: int, now: float) -> Memory:
        """With the present number as a first wish: after a restart nothing shrinks at once."""
        return self if self.wishes else replace(self, wishes=(Wish(now, current),))

    def wished(self, wanted: int, now: float, behavior: Behavior) -> Memory:
        longest = max(behavior.up.window_seconds, behavior.down.window_seconds)
        kept = (wish for wish in self.wishes if wish.at > now - longest)
        return replace(self, wishes=(*kept, Wish(now, wanted)))

    def changed(self, difference: int, now: float, behavior: Behavior) -> Memory:
        periods = [p.period_seconds for r in (behavior.up, behavior.down) for p in r.policies]
        longest = max(periods, default=0.0)
        kept = (change for change in self.changes if change.at > now - longest)
        return replace(self, changes=(*kept, Change(now, difference)))


@dataclass(frozen=True, slots=True)
class Held:
    """A number of replicas, and why it is not another."""

    replicas: int
    reason: str
    message: str


READY = Held(0, "ReadyForNewScale", "recommended size matches current size")
WITHIN = ("DesiredWithinRange", "the desired count is within the acceptable range")


def stabilized(
    current: int, wanted: int, wishes: Sequence[Wish], behavior: Behavior, now: float
) -> Held:
    """Up to the least, down to the most that was wished for within the windows."""
    up = min(_within(wishes, now - behavior.up.window_seconds, wanted))
    down = max(_within(wishes, now - behavior.down.window_seconds, wanted))
    chosen = min(max(current, up), down)
    if chosen == wanted:
        return replace(READY, replicas=chosen)
    if wanted >= current:
        return Held(
            chosen,
            "ScaleUpStabilized",
            "recent recommendations were lower than current one, "
            "applying the lowest recent recommendation",
        )
    return Held(
        chosen,
        "ScaleDownStabilized",
        "recent recommendations were higher than current one, "
        "applying the highest recent recommendation",
    )


def _within(wishes: Iterable[Wish], after: float, wanted: int) -> list[int]:
    return [wanted, *(wish.replicas for wish in wishes if wish.at > after)]


def limited(
    current: int,
    wanted: int,
    least: int,
    most: int,
    changes: Sequence[Change],
    behavior: Behavior,
    now: float,
) -> Held:
    """Within the bounds and as fast as the policies allow."""
    if wanted > current:
        rate = max(current, _up_limit(current, changes, behavior.up, now))
        allowed = min(most, rate)
        if wanted > allowed:
            if rate < most:
                return Held(
                    allowed,
                    "ScaleUpLimit",
                    "the desired replica count is increasing faster than the maximum scale rate",
                )
            return Held(
                allowed,
                "TooManyReplicas",
                "the desired replica count is more than the maximum replica count",
            )
    elif wanted < current:
        rate = min(current, _down_limit(current, changes, behavior.down, now))
        allowed = max(least, rate)
        if wanted < allowed:
            if rate > least:
                return Held(
                    allowed,
                    "ScaleDownLimit",
                    "the desired replica count is decreasing faster than the maximum scale rate",
                )
            return Held(
                allowed,
                "TooFewReplicas",
                "the desired replica count is less than the minimum replica count",
            )
    return Held(wanted, *WITHIN)


def _before(current: int, changes: Sequence[Change], after: float) -> int:
    """How many there were when a period began."""
    return current - sum(change.replicas for change in changes if change.at > after)


def _up_limit(current: int, changes: Sequence[Change], rules: Rules, now: float) -> int:
    if rules.select == "Disabled":
        return current
    limits = []
    for policy in rules.policies:
        start = _before(current, changes, now - policy.period_seconds)
        if policy.type == "Pods":
            limits.append(start + policy.value)
        else:
            limits.append(math.ceil(start * (100 + policy.value) / 100))
    return min(limits) if rules.select == "Min" else max(limits)


def _down_limit(current: int, changes: Sequence[Change], rules: Rules, now: float) -> int:
    if rules.select == "Disabled":
        return current
    limits = []
    for policy in rules.policies:
        start = _before(current, changes, now - policy.period_seconds)
        if policy.type == "Pods":
            limits.append(start - policy.value)
        else:
            limits.append(start * (100 - policy.value) // 100)
    # The change that is allowed most is the one to the fewest.
    return max(limits) if rules.select == "Min" else min(limits)
