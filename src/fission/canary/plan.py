"""What a canary does next, from its status, its trigger and what was counted. Pure.

A canary goes through *windows*, intervals with fixed weights, and *moves* between them. A move is
written into the status before the trigger is touched, so that whoever finds it half-way knows whose
weights it sees:

=====================  ==================================  =======================================
status says            the trigger has                     then
=====================  ==================================  =======================================
nothing, or a window   weights of two functions            open a window with them
of another spec
a window               its weights                         sleep until its end, then judge it; one
                                                           of the future is opened anew
a move                 the weights before it               write those after it
a move                 the weights after it                open the next window, or end as failed
a window or a move     any other weights                   somebody else moved traffic: aborted
anything               no weights, or it is not there      wait; start afresh when it is
=====================  ==================================  =======================================

Judging a window: nothing counted, another interval; more failures than the threshold allows, back
to the old function; otherwise one step on. With all traffic on the new function a good window ends
it. A window without weight for the new function has nothing to judge and is followed by a step.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Final

from fission.api import (
    canaryconfig_defaults,
    canaryconfig_lifecycle,
    canaryconfig_types,
    httptrigger_types,
    reference_types,
)
from fission.base import clock as clocks

WHOLE: Final = 100
LOOK_SECONDS: Final = 10.0
"""How often a canary that waits looks whether it may go on."""

NO_TRAFFIC: Final = "NoTraffic"
NO_METRICS: Final = "MetricsUnavailable"
TRIGGER_MISSING: Final = "TriggerNotFound"
NOT_WEIGHTED: Final = "TriggerNotWeighted"
TAKEN: Final = "TriggerTaken"
FUNCTION_MISSING: Final = "FunctionNotFound"
CHANGED: Final = "TriggerChanged"
INVALID: Final = "Invalid"


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the two functions, as the trigger has them."""

    new: int
    old: int

    @property
    def percent(self) -> int:
        """The new function's part."""
        total = self.new + self.old
        return round(WHOLE * self.new / total) if total else 0


@dataclass(frozen=True, slots=True)
class Counted:
    """What happened to calls of the new function in a window."""

    calls: int
    errors: int

    @property
    def percent(self) -> float:
        return WHOLE * self.errors / self.calls if self.calls else 0.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is around a canary."""

    now: datetime.datetime
    trigger: httptrigger_types.HTTPTrigger | None = None
    faults: str = ""
    """What is wrong with the spec."""
    rival: str = ""
    """The canary that has the trigger."""
    missing: tuple[str, ...] = ()
    """Functions that do not exist."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """It has ended."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Wait for something around it, and start afresh then."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Abort:
    """It cannot go on."""

    message: str
    reason: str = CHANGED


@dataclass(frozen=True, slots=True)
class Open:
    """Begin a window with the trigger's weights."""

    weights: Weights


@dataclass(frozen=True, slots=True)
class Sleep:
    """The window is not over."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Judge:
    """The window is over: count, and ask ``judge``."""

    seconds: float
    """How long it was."""


@dataclass(frozen=True, slots=True)
class Write:
    """Give the trigger these weights."""

    weights: Weights


@dataclass(frozen=True, slots=True)
class Settle:
    """The move is made: open the next window, or end."""

    move: canaryconfig_types.CanaryMove


@dataclass(frozen=True, slots=True)
class Move:
    """Note this move."""

    move: canaryconfig_types.CanaryMove


@dataclass(frozen=True, slots=True)
class Again:
    """Nothing was counted: another interval with the same weights."""

    message: str


@dataclass(frozen=True, slots=True)
class Succeed:
    """All traffic is on the new function, and it does well."""

    message: str


Step = Nothing | Hold | Abort | Open | Sleep | Judge | Write | Settle
Verdict = Move | Again | Succeed


def look(config: canaryconfig_types.CanaryConfig, facts: Facts) -> Step:
    """What to do next."""
    if config.metadata.deletion_timestamp or canaryconfig_lifecycle.has_ended(config):
        return Nothing()
    if facts.faults:
        return Abort(facts.faults, INVALID)
    if facts.rival:
        return Hold(TAKEN, f"canary {facts.rival} moves the traffic of {config.spec.trigger}")
    found = weights_of(config.spec, facts.trigger)
    if isinstance(found, Hold):
        return found
    assert facts.trigger is not None, "it has weights"
    window, move = config.status.window, config.status.move
    if (
        window is None
        or window.generation != config.metadata.generation
        or window.trigger_uid != facts.trigger.metadata.uid
    ):
        return _begin(found, facts)
    before = Weights(window.new_weight, window.old_weight)
    if move is not None and found == Weights(move.new_weight, move.old_weight):
        return Settle(move)
    if found != before:
        return Abort(
            f"somebody else gave {config.spec.new_function} the weight {found.new} and "
            f"{config.spec.old_function} {found.old}; they had {before.new} and {before.old}"
        )
    if move is not None:
        return Write(Weights(move.new_weight, move.old_weight))
    passed = (facts.now - clocks.parse_rfc3339(window.since)).total_seconds()
    interval = canaryconfig_defaults.interval_seconds(config.spec)
    if passed < 0:
        return Open(found)  # the clock was set back, perhaps by far
    return Judge(passed) if passed >= interval else Sleep(interval - passed)


def _begin(found: Weights, facts: Facts) -> Step:
    if facts.missing:
        names = " and ".join(facts.missing)
        return Hold(FUNCTION_MISSING, f"function {names} does not exist")
    return Open(found)


def judge(
    config: canaryconfig_types.CanaryConfig,
    window: canaryconfig_types.CanaryWindow,
    counted: Counted,
) -> Verdict:
    """What follows a window that is over."""
    spec = config.spec
    share = Weights(window.new_weight, window.old_weight).percent
    if share == 0:
        return _step(spec, share, f"{spec.new_function} begins")
    if counted.calls == 0:
        return Again(f"{spec.new_function} with {share} % of the traffic was not called")
    seen = (
        f"{counted.errors} of {counted.calls} calls of {spec.new_function} failed "
        f"({counted.percent:.3g} %, {spec.failure_threshold} % are allowed)"
    )
    if counted.percent > spec.failure_threshold:
        back = canaryconfig_types.CanaryMove(
            0, WHOLE, True, f"{seen} with {share} % of the traffic"
        )
        return Move(back)
    if share >= WHOLE:
        return Succeed(seen)
    return _step(spec, share, seen)


def _step(spec: canaryconfig_types.CanaryConfigSpec, share: int, message: str) -> Move:
    new = min(WHOLE, share + canaryconfig_defaults.weight_increment(spec))
    return Move(canaryconfig_types.CanaryMove(new, WHOLE - new, False, message))


def weights_of(
    spec: canaryconfig_types.CanaryConfigSpec, trigger: httptrigger_types.HTTPTrigger | None
) -> Weights | Hold:
    """The weights of the two functions, or what is in the way."""
    if trigger is None or trigger.metadata.deletion_timestamp:
        return Hold(TRIGGER_MISSING, f"HTTP trigger {spec.trigger} does not exist")
    reference = trigger.spec.function_ref
    weights = dict(reference.function_weights or {})
    both = (spec.new_function, spec.old_function)
    if reference.type != reference_types.BY_WEIGHT:
        return Hold(
            NOT_WEIGHTED,
            f"HTTP trigger {spec.trigger} calls one function; "
            f"it must have weights of {both[0]} and {both[1]}",
        )
    absent = [name for name in both if name not in weights]
    if absent:
        return Hold(
            NOT_WEIGHTED,
            f"HTTP trigger {spec.trigger} has no weight of {' and '.join(absent)}; "
            f"it has {', '.join(sorted(weights)) or 'none'}",
        )
    others = sorted(name for name, weight in weights.items() if name not in both and weight > 0)
    if others:
        return Hold(NOT_WEIGHTED, f"HTTP trigger {spec.trigger} also calls {', '.join(others)}")
    return Weights(weights[spec.new_function], weights[spec.old_function])


def rival_of(
    config: canaryconfig_types.CanaryConfig, others: list[canaryconfig_types.CanaryConfig]
) -> str:
    """The name of the canary that comes first on the same trigger, if it is another."""

    def place(one: canaryconfig_types.CanaryConfig) -> tuple[str, str]:
        return one.metadata.creation_timestamp or "", one.metadata.name

    first = min(
        (
            one
            for one in others
            if one.spec.trigger == config.spec.trigger
            and one.metadata.namespace == config.metadata.namespace
            and one.metadata.uid != config.metadata.uid
            and not one.metadata.deletion_timestamp
            and not canaryconfig_lifecycle.has_ended(one)
        ),
        key=place,
        default=None,
    )
    return first.metadata.name if first is not None and place(first) < place(config) else ""
