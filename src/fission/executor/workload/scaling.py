"""How many pods a function should have. Pure.

Between the bounds the autoscaler decides; below and above them, and to and from zero, we do.
"""

from __future__ import annotations

from dataclasses import dataclass

from fission.api import function_defaults, function_types
from fission.contracts import executor as wire

REPORT_MARGIN_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Need:
    """What is known of a function's use."""

    waiting: bool
    """Somebody waits for a pod."""
    idle_seconds: float
    """Since it was last used, as far as routers have told."""


def is_idle(spec: function_types.FunctionSpec, need: Need) -> bool:
    """Whether its pods may go.

    Routers report use every few seconds, so anything shorter than that proves nothing: a shorter
    ``idletimeout`` counts as that.
    """
    least = wire.TAP_INTERVAL_SECONDS + REPORT_MARGIN_SECONDS
    timeout = max(float(function_defaults.idle_timeout_seconds(spec)), least)
    return not need.waiting and need.idle_seconds >= timeout


def plan_replicas(spec: function_types.FunctionSpec, current: int | None, need: Need) -> int:
    """The replicas to declare; ``current`` is None where there is no Deployment yet."""
    execution = spec.invoke_strategy.execution_strategy
    at_rest = execution.min_scale
    least = max(at_rest, 1)
    most = max(execution.max_scale, least)
    if current is None:
        return at_rest if is_idle(spec, need) else least
    if current == 0:
        return least if need.waiting else at_rest
    if is_idle(spec, need):
        return at_rest
    return min(max(current, least), most)
