"""What a canary does next, whatever happens in between."""

from __future__ import annotations

import copy
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fission.api import (
    canaryconfig_lifecycle,
    canaryconfig_types,
    httptrigger_types,
    reference_types,
)
from fission.base import clock as clocks
from fission.canary import plan

NOON = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)


def a_canary(increment: int = 20, threshold: int = 10) -> canaryconfig_types.CanaryConfig:
    config = canaryconfig_types.CanaryConfig()
    config.metadata.name, config.metadata.namespace = "c", "default"
    config.metadata.uid, config.metadata.generation = "uid-c", 1
    config.metadata.creation_timestamp = "2026-03-02T12:00:00Z"
    config.spec = canaryconfig_types.CanaryConfigSpec(
        "hello", "v2", "v1", increment, "1m", threshold, "status-code"
    )
    return config


def a_trigger(uid: str = "uid-t", **weights: int) -> httptrigger_types.HTTPTrigger:
    trigger = httptrigger_types.HTTPTrigger()
    trigger.metadata.name, trigger.metadata.uid = "hello", uid
    trigger.spec.function_ref = reference_types.FunctionReference(
        type=reference_types.BY_WEIGHT, function_weights=weights
    )
    return trigger


class World:
    """A cluster in a few variables, and a canary process that may be killed between any writes."""

    def __init__(self, config: canaryconfig_types.CanaryConfig, new: int = 0) -> None:
        self.config = config
        self.trigger = a_trigger(v2=new, v1=100 - new)
        self.now = NOON
        self.counted = plan.Counted(100, 0)
        self.seen = [new]
        self.writes = 0

    @property
    def weights(self) -> tuple[int, int]:
        found = self.trigger.spec.function_ref.function_weights or {}
        return found["v2"], found["v1"]

    def give(self, new: int, old: int) -> None:
        self.trigger.spec.function_ref.function_weights = {"v2": new, "v1": old}

    def step(self, *, killed: bool = False) -> plan.Step:
        """One look; a process that is killed does not get to write."""
        config = copy.deepcopy(self.config)
        facts = plan.Facts(now=self.now, trigger=self.trigger)
        found = plan.look(config, facts)
        if killed:
            return found
        match found:
            case plan.Open(weights=weights):
                self._open(config, weights)
            case plan.Hold(reason=reason, message=message):
                canaryconfig_lifecycle.mark_waiting(config, reason, message, self.now)
            case plan.Abort(message=message, reason=reason):
                canaryconfig_lifecycle.mark_aborted(config, message, self.now, reason)
            case plan.Sleep(seconds=seconds):
                self.now += datetime.timedelta(seconds=seconds)
                return found
            case plan.Write(weights=weights):
                self.give(weights.new, weights.old)
                self.seen.append(weights.new)
                self.writes += 1
                return found
            case plan.Settle(move=move) if move.is_rollback:
                canaryconfig_lifecycle.mark_failed(config, move.message, self.now)
            case plan.Settle(move=move):
                self._open(config, plan.Weights(move.new_weight, move.old_weight))
            case plan.Judge():
                assert config.status.window is not None
                match plan.judge(config, config.status.window, self.counted):
                    case plan.Move(move=move):
                        config.status.move = move
                    case plan.Again():
                        window = config.status.window
                        self._open(config, plan.Weights(window.new_weight, window.old_weight))
                    case plan.Succeed(message=message):
                        canaryconfig_lifecycle.mark_succeeded(config, self.now, message)
            case plan.Nothing():
                return found
        self.config = config
        self.writes += 1
        return found

    def _open(self, config: canaryconfig_types.CanaryConfig, weights: plan.Weights) -> None:
        config.status.move = None
        config.status.window = canaryconfig_types.CanaryWindow(
            config.metadata.generation,
            self.trigger.metadata.uid,
            weights.new,
            weights.old,
            clocks.format_rfc3339_micro(self.now),
        )
        canaryconfig_lifecycle.mark_progressing(config, "", self.now)

    def run(self, most: int = 100) -> str:
        for _ in range(most):
            if isinstance(self.step(), plan.Nothing):
                break
        return self.config.status.status


def test_traffic_moves_step_by_step_and_all_of_it_is_watched_before_the_end() -> None:
    world = World(a_canary(increment=40))
    assert world.run() == "succeeded"
    assert world.seen == [0, 40, 80, 100]
    # Four windows of a minute: without traffic, with 40, 80 and 100 %.
    assert world.now - NOON == 4 * MINUTE


def test_too_many_failures_take_all_traffic_back() -> None:
    world = World(a_canary(threshold=10))
    while world.weights != (40, 60):
        world.step()
    world.counted = plan.Counted(100, 11)
    assert world.run() == "failed"
    assert world.weights == (0, 100)
    condition = world.config.status.conditions[1]
    assert "11 of 100 calls of v2 failed (11 %, 10 % are allowed)" in condition["message"]


@pytest.mark.parametrize(("errors", "end"), [(10, "succeeded"), (11, "failed")])
def test_the_threshold_itself_is_allowed(errors: int, end: str) -> None:
    world = World(a_canary(threshold=10))
    world.counted = plan.Counted(100, errors)
    assert world.run() == end


def test_without_calls_nothing_moves_however_long_it_takes() -> None:
    world = World(a_canary(), new=20)
    world.counted = plan.Counted(0, 0)
    assert world.run(50) == "pending"
    assert world.seen == [20]
    world.counted = plan.Counted(1, 0)
    assert world.run() == "succeeded"


@given(
    st.integers(1, 100),
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=6),
    st.lists(st.booleans(), max_size=60),
)
def test_killed_anywhere_it_takes_each_step_once(
    increment: int, threshold: int, counts: list[tuple[int, int]], kills: list[bool]
) -> None:
    world = World(a_canary(increment, threshold))
    for index, killed in enumerate(kills + [False] * 400):
        calls, errors = counts[index % len(counts)]
        world.counted = plan.Counted(calls, min(calls, errors))
        if isinstance(world.step(killed=killed), plan.Nothing):
            break
        assert sum(world.weights) == 100
    path = list(dict.fromkeys([*range(0, 100, increment), 100]))
    rolled_back = len(world.seen) > 1 and world.seen[-1] == 0
    climbed = world.seen[:-1] if rolled_back else world.seen
    assert climbed == path[: len(climbed)]
    match world.config.status.status:
        case "succeeded":
            assert world.weights == (100, 0)
        case "failed":
            assert world.weights == (0, 100)
        case state:
            assert state in ("", "pending")
    if world.config.status.status in canaryconfig_lifecycle.ENDS:
        assert world.config.status.window is None
        assert world.config.status.move is None


@given(st.integers(0, 30), st.integers(0, 100))
def test_weights_that_somebody_else_wrote_stay(steps: int, new: int) -> None:
    world = World(a_canary())
    for _ in range(steps):
        world.step()
    if world.config.status.status in canaryconfig_lifecycle.ENDS:
        return
    window, move = world.config.status.window, world.config.status.move
    ours = {window.new_weight} if window else {new}
    ours |= {move.new_weight} if move else set()
    world.give(new, 100 - new)
    if new in ours:
        return
    writes = len(world.seen)
    assert world.run() == "aborted"
    assert (world.weights, len(world.seen)) == ((new, 100 - new), writes)
    assert world.config.status.conditions[0]["reason"] == "TriggerChanged"
    # A change of the spec takes it up from there.
    world.config.metadata.generation = 2
    assert world.run() == "succeeded"


def test_it_waits_for_a_trigger_that_can_be_weighted_and_starts_afresh() -> None:
    world = World(a_canary())
    while world.weights != (40, 60):
        world.step()
    good = world.trigger
    for other, reason in (
        (None, "TriggerNotFound"),
        (httptrigger_types.HTTPTrigger(), "TriggerNotWeighted"),
        (a_trigger(v2=10), "TriggerNotWeighted"),
        (a_trigger(v1=50, v2=30, v3=20), "TriggerNotWeighted"),
    ):
        world.trigger = other  # type: ignore[assignment]
        assert isinstance(world.step(), plan.Hold)
        assert world.config.status.conditions[0]["reason"] == reason
        assert world.config.status.window is None
    world.trigger = good
    assert isinstance(world.step(), plan.Open)
    assert world.run() == "succeeded"


def test_another_trigger_of_the_same_name_is_taken_as_it_is() -> None:
    world = World(a_canary())
    while world.weights != (40, 60):
        world.step()
    world.trigger = a_trigger("uid-other", v2=10, v1=90)
    assert isinstance(world.step(), plan.Open)
    assert world.run() == "succeeded"
    assert world.seen[-5:] == [30, 50, 70, 90, 100]


def test_of_several_canaries_of_a_trigger_the_first_acts() -> None:
    first, second, third = a_canary(), a_canary(), a_canary()
    second.metadata.name, second.metadata.uid = "b", "uid-b"
    second.metadata.creation_timestamp = "2026-03-02T12:00:01Z"
    third.metadata.name, third.metadata.uid = "d", "uid-d"
    third.spec.trigger = "other"
    everyone = [third, second, first]
    assert [plan.rival_of(one, everyone) for one in everyone] == ["", "c", ""]
    facts = plan.Facts(now=NOON, trigger=a_trigger(v2=0, v1=100), rival="c")
    held = plan.look(second, facts)
    assert isinstance(held, plan.Hold)
    assert held.reason == "TriggerTaken"
    canaryconfig_lifecycle.mark_succeeded(first, NOON)
    assert plan.rival_of(second, everyone) == ""


def test_functions_have_to_exist_and_the_spec_to_be_right_at_the_start() -> None:
    trigger = a_trigger(v2=0, v1=100)
    held = plan.look(a_canary(), plan.Facts(now=NOON, trigger=trigger, missing=("v2",)))
    assert held == plan.Hold("FunctionNotFound", "function v2 does not exist")
    wrong = plan.look(a_canary(), plan.Facts(now=NOON, trigger=trigger, faults="spec.x: no"))
    assert wrong == plan.Abort("spec.x: no", "Invalid")


def test_weights_need_not_be_percent() -> None:
    world = World(a_canary(increment=50))
    world.give(1, 3)
    assert world.run() == "succeeded"
    assert world.seen[1:] == [75, 100]


def test_a_window_that_begins_in_the_future_is_opened_anew() -> None:
    """The clock was set back: the canary would sleep until it has caught up."""
    world = World(a_canary(), new=20)
    world.step()
    world.now -= 600 * MINUTE
    assert world.step() == plan.Open(plan.Weights(20, 80))
    assert world.step() == plan.Sleep(60.0)
