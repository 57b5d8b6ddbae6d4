"""What happens next to a pod: rules and state in, actions and state out. No I/O, no clock.

    stimulus                  container                     what `step` answers
    ------------------------  ----------------------------  ---------------------------------------
    SandboxReady              waiting → starting            Start for the first init, or all mains
    Started                   starting → running            (sidecar started) Start for the next
    StartFailed               starting → waiting + reason   wakes for another try, not a restart
    Exited, to be restarted   running → waiting             Start, at once or after the back-off
    Exited, for good          running → terminated          Teardown when it was the last
    Probed startup/liveness   running, unhealthy            Stop with grace, then restart
    Deleted                   running                       Stop; Kill at the deadline; Teardown

Invariants, which the property tests hold: a container has at most one process; an attempt number
is used once; nothing starts after Deleted or after the pod's end; Teardown comes once, after every
process ended. A container's lost process (its spawner died) is an Exited like any other.
Status objects are made from this state by `podstatus`.
"""

from __future__ import annotations

import dataclasses
import enum
import signal
from dataclasses import dataclass
from typing import Any

FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 60.0
"""1 s to 60 s: the values of Kubernetes' KEP-4603, made for nodes that start containers fast."""
BACKOFF_RESET_SECONDS = 120.0
"""A run of twice the longest back-off counts as healthy (the kubelet's rule)."""
HEALTHY_RUN_FACTOR = 10.0
"""So does one this many times longer than the back-off so far: 10 s after a first failure."""
BLAMELESS_RUN_SECONDS = 1.0
OUT_OF_MEMORY = "OOMKilled"
LOST = "ContainerStatusUnknown"
"""Kubernetes' word for a container that the node lost sight of."""
FIRST_RETRY_SECONDS = 0.25
LONGEST_RETRY_SECONDS = 15.0
"""Between tries to create a container whose image, volume or secret is missing."""


class Kind(enum.Enum):
    """What a container is to its pod."""

    INIT = "init"
    SIDECAR = "sidecar"
    MAIN = "main"


class Phase(enum.Enum):
    """Where one container stands."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    TERMINATED = "terminated"


@dataclass(frozen=True)
class ContainerRules:
    """What the spec says about one container, as far as its life is concerned."""

    name: str
    kind: Kind
    has_startup_probe: bool = False
    has_readiness_probe: bool = False


@dataclass(frozen=True)
class PodRules:
    """What the spec says about the pod's life."""

    namespace: str
    name: str
    uid: str
    restart_policy: str
    containers: tuple[ContainerRules, ...]
    """Init containers and sidecars in their order, then the others."""

    def of(self, name: str) -> ContainerRules:
        return next(c for c in self.containers if c.name == name)


@dataclass(frozen=True)
class Termination:
    """How one run of a container ended. Times are seconds since the epoch."""

    exit_code: int
    signal: int | None
    reason: str
    message: str
    started_at: float
    finished_at: float
    container_id: str


@dataclass(frozen=True)
class Container:
    """One container's life so far."""

    name: str
    phase: Phase = Phase.WAITING
    attempt: int = -1
    """Number of the latest start; also the restart count and the name of its log file."""
    reason: str = ""
    message: str = ""
    container_id: str = ""
    started_at: float = 0.0
    current: Termination | None = None
    last: Termination | None = None
    not_before: float = 0.0
    backoff_seconds: float = 0.0
    retry_seconds: float = 0.0
    startup_done: bool = False
    ready: bool = False
    stop_sent: bool = False
    kill_at: float | None = None
    kill_sent: bool = False

    @property
    def has_process(self) -> bool:
        return self.phase in (Phase.STARTING, Phase.RUNNING)


@dataclass(frozen=True)
class PodState:
    """One pod's life so far."""

    containers: tuple[Container, ...]
    sandbox_ready: bool = False
    problem: tuple[str, str] | None = None
    """Reason and message while the pod's address or volumes cannot be had."""
    deleting: bool = False
    kill_at: float = 0.0
    failed: tuple[str, str] | None = None
    """Reason and message of a pod that was ended from outside (refused, evicted)."""
    torn_down: bool = False

    def of(self, name: str) -> Container:
        return next(c for c in self.containers if c.name == name)


@dataclass(frozen=True)
class SandboxReady:
    """Address and volumes are there."""


@dataclass(frozen=True)
class SandboxFailed:
    """Address or volumes cannot be had at present."""

    reason: str
    message: str


@dataclass(frozen=True)
class Started:
    """A process of the container runs."""

    name: str
    container_id: str
    at: float


@dataclass(frozen=True)
class StartFailed:
    """No process came to be; worth another try."""

    name: str
    reason: str
    message: str


@dataclass(frozen=True)
class Exited:
    """The container's process is gone."""

    name: str
    exit_code: int
    at: float
    signal: int | None = None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Probed:
    """A probe passed its threshold, up or down."""

    name: str
    probe: str
    """startup, readiness or liveness."""
    healthy: bool
    grace_seconds: float = 30.0


@dataclass(frozen=True)
class Deleted:
    """The pod is to end; what still runs at `kill_at` is killed."""

    kill_at: float


@dataclass(frozen=True)
class Fail:
    """The pod is ended by the node: refused by name, or evicted."""

    reason: str
    message: str
    kill_at: float


@dataclass(frozen=True)
class Tick:
    """Time passed."""


Stimulus = (
    SandboxReady | SandboxFailed | Started | StartFailed | Exited | Probed | Deleted | Fail | Tick
)


@dataclass(frozen=True)
class Start:
    """Start this attempt of the container."""

    name: str
    attempt: int


@dataclass(frozen=True)
class Stop:
    """Run the pre-stop hook, then SIGTERM; the grace bounds both."""

    name: str
    grace_seconds: float


@dataclass(frozen=True)
class Kill:
    """SIGKILL."""

    name: str


@dataclass(frozen=True)
class Teardown:
    """Every process is gone: release address, volumes, cgroup."""


Action = Start | Stop | Kill | Teardown


@dataclass(frozen=True)
class Decision:
    """What to do now, and when to ask again if nothing happens."""

    state: PodState
    actions: tuple[Action, ...]
    wake_at: float | None


def parse_rules(pod: dict[str, Any]) -> PodRules:
    spec, meta = pod["spec"], pod["metadata"]
    inits = [
        _container_rules(c, Kind.SIDECAR if c.get("restartPolicy") == "Always" else Kind.INIT)
        for c in spec.get("initContainers") or ()
    ]
    mains = [_container_rules(c, Kind.MAIN) for c in spec["containers"]]
    return PodRules(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        restart_policy=spec.get("restartPolicy", "Always"),
        containers=(*inits, *mains),
    )


def _container_rules(container: dict[str, Any], kind: Kind) -> ContainerRules:
    return ContainerRules(
        name=container["name"],
        kind=kind,
        has_startup_probe=container.get("startupProbe") is not None and kind is not Kind.INIT,
        has_readiness_probe=container.get("readinessProbe") is not None and kind is not Kind.INIT,
    )


def fresh(rules: PodRules) -> PodState:
    return PodState(tuple(Container(c.name) for c in rules.containers))


def step(rules: PodRules, state: PodState, stimulus: Stimulus, now: float) -> Decision:
    """Take in what happened and say what to do. Doing nothing is safe: the next step repeats it
    only where no action was handed out.
    """
    state = _take_in(rules, state, stimulus, now)
    actions: list[Action] = []
    if state.deleting or state.failed or is_over(rules, state):
        state = _end(rules, state, now, actions)
    elif state.sandbox_ready:
        state = _advance(rules, state, now, actions)
    state = _kill_overdue(state, now, actions)
    if (
        not state.torn_down
        and (state.deleting or state.failed or is_over(rules, state))
        and not any(c.has_process for c in state.containers)
    ):
        state = dataclasses.replace(state, torn_down=True)
        actions.append(Teardown())
    return Decision(state, tuple(actions), _wake_at(rules, state, now))


def is_over(rules: PodRules, state: PodState) -> bool:
    """Whether no container of the pod will ever run again by the restart policy."""
    if state.torn_down or state.failed is not None:
        return True
    for container in state.containers:
        own = rules.of(container.name)
        if own.kind is Kind.INIT and _failed_for_good(rules, own, container):
            return True
    mains = [c for c in state.containers if rules.of(c.name).kind is Kind.MAIN]
    return all(
        c.phase is Phase.TERMINATED and not restarts(rules, rules.of(c.name), c.current)
        for c in mains
    )


def restarts(rules: PodRules, own: ContainerRules, ended: Termination | None) -> bool:
    """Whether a run that ended so is followed by another."""
    if own.kind is Kind.SIDECAR:
        return True
    failed = ended is None or ended.exit_code != 0
    if own.kind is Kind.INIT:
        return failed and rules.restart_policy != "Never"
    return rules.restart_policy == "Always" or (rules.restart_policy == "OnFailure" and failed)


def is_initialized(rules: PodRules, state: PodState) -> bool:
    """Whether every init container finished and every sidecar started."""
    return next_init(rules, state) is None


def is_settled(rules: PodRules, state: PodState) -> bool:
    """Whether every main container serves, or none is going to."""
    if state.deleting or is_over(rules, state):
        return True
    return all(c.ready for c in state.containers if rules.of(c.name).kind is Kind.MAIN)


def next_init(rules: PodRules, state: PodState) -> Container | None:
    """The init container or sidecar that the others wait for."""
    mains_started = any(
        c.attempt >= 0 for c in state.containers if rules.of(c.name).kind is Kind.MAIN
    )
    if mains_started:
        return None
    for container in state.containers:
        own = rules.of(container.name)
        if own.kind is Kind.INIT:
            done = container.current is not None and container.current.exit_code == 0
            if not (container.phase is Phase.TERMINATED and done):
                return container
        if own.kind is Kind.SIDECAR and not container.startup_done:
            return container
    return None


def _failed_for_good(rules: PodRules, own: ContainerRules, container: Container) -> bool:
    return (
        container.phase is Phase.TERMINATED
        and container.current is not None
        and container.current.exit_code != 0
        and not restarts(rules, own, container.current)
    )


def _take_in(rules: PodRules, state: PodState, stimulus: Stimulus, now: float) -> PodState:
    match stimulus:
        case SandboxReady():
            return dataclasses.replace(state, sandbox_ready=True, problem=None)
        case SandboxFailed(reason, message):
            return dataclasses.replace(state, problem=(reason, message))
        case Deleted(kill_at):
            earlier = min(kill_at, state.kill_at) if state.deleting else kill_at
            return dataclasses.replace(state, deleting=True, kill_at=earlier)
        case Fail(reason, message, kill_at):
            if state.failed or state.torn_down:
                return state
            return dataclasses.replace(state, failed=(reason, message), kill_at=kill_at)
        case Started() | StartFailed() | Exited() | Probed():
            before = state.of(stimulus.name)
            after = _container_takes_in(rules, before, stimulus, now)
            return _with(state, after)
    return state


def _container_takes_in(
    rules: PodRules,
    before: Container,
    stimulus: Started | StartFailed | Exited | Probed,
    now: float,
) -> Container:
    own = rules.of(before.name)
    match stimulus:
        case Started(_, container_id, at) if before.phase is Phase.STARTING:
            return dataclasses.replace(
                before,
                phase=Phase.RUNNING,
                container_id=container_id,
                started_at=at,
                current=None,
                reason="",
                message="",
                retry_seconds=0.0,
                startup_done=not own.has_startup_probe,
                ready=not own.has_startup_probe and not own.has_readiness_probe,
            )
        case StartFailed(_, reason, message) if before.phase is Phase.STARTING:
            wait = min(LONGEST_RETRY_SECONDS, before.retry_seconds * 2 or FIRST_RETRY_SECONDS)
            return dataclasses.replace(
                before,
                phase=Phase.WAITING,
                # The number was not used: no process, no log file, no restart to count.
                attempt=before.attempt - 1,
                reason=reason,
                message=message,
                retry_seconds=wait,
                not_before=now + wait,
            )
        case Exited() if before.has_process:
            return _container_exits(rules, own, before, stimulus, now)
        case Probed(_, "startup", True) if before.phase is Phase.RUNNING:
            ready = before.ready or not own.has_readiness_probe
            return dataclasses.replace(before, startup_done=True, ready=ready)
        case Probed(_, "readiness", healthy) if before.phase is Phase.RUNNING:
            return dataclasses.replace(before, ready=healthy and before.startup_done)
        case Probed(_, "startup" | "liveness", False, grace) if before.phase is Phase.RUNNING:
            if before.kill_at is None:
                return dataclasses.replace(before, kill_at=now + grace)
    return before


def _container_exits(
    rules: PodRules, own: ContainerRules, before: Container, exited: Exited, now: float
) -> Container:
    ended = Termination(
        exit_code=exited.exit_code,
        signal=exited.signal,
        reason=exited.reason or ("Completed" if exited.exit_code == 0 else "Error"),
        message=exited.message,
        started_at=before.started_at or exited.at,
        finished_at=exited.at,
        container_id=before.container_id,
    )
    base = dataclasses.replace(
        before,
        phase=Phase.TERMINATED,
        current=ended,
        ready=False,
        startup_done=False,
        stop_sent=False,
        kill_sent=False,
        kill_at=None,
    )
    if not restarts(rules, own, ended):
        return base
    healthy_run = min(BACKOFF_RESET_SECONDS, HEALTHY_RUN_FACTOR * before.backoff_seconds)
    steady = ended.finished_at - ended.started_at >= healthy_run
    if _is_blameless(before, exited):
        return dataclasses.replace(base, not_before=now)
    wait = 0.0 if steady else before.backoff_seconds
    following = FIRST_BACKOFF_SECONDS if wait == 0 else min(LONGEST_BACKOFF_SECONDS, wait * 2)
    return dataclasses.replace(base, not_before=now + wait, backoff_seconds=following)


def _is_blameless(before: Container, exited: Exited) -> bool:
    """Whether somebody killed the container, or the process that held it: no crash to back off of.

    One that dies so right after its start is treated as a crash, so that nothing can spin.
    """
    killed = exited.signal == signal.SIGKILL and not before.kill_sent
    if exited.reason == OUT_OF_MEMORY or not (killed or exited.reason == LOST):
        return False
    return exited.at - before.started_at >= BLAMELESS_RUN_SECONDS


def _advance(rules: PodRules, state: PodState, now: float, actions: list[Action]) -> PodState:
    """Start what may run now; stop what its probes condemned."""
    blocker = next_init(rules, state)
    for container in state.containers:
        own = rules.of(container.name)
        if container.has_process:
            if container.kill_at is not None and not container.stop_sent:
                actions.append(Stop(container.name, max(0.0, container.kill_at - now)))
                state = _with(state, dataclasses.replace(container, stop_sent=True))
            continue
        if blocker is not None:
            earlier_sidecar = own.kind is Kind.SIDECAR and container.attempt >= 0
            if container.name != blocker.name and not earlier_sidecar:
                continue
        elif own.kind is Kind.INIT:
            continue
        ended = container.current if container.phase is Phase.TERMINATED else None
        if container.phase is Phase.TERMINATED and not restarts(rules, own, ended):
            continue
        if now < container.not_before:
            continue
        attempt = container.attempt + 1
        actions.append(Start(container.name, attempt))
        state = _with(
            state,
            dataclasses.replace(
                container,
                phase=Phase.STARTING,
                attempt=attempt,
                current=None,
                last=container.current or container.last,
                reason="",
                message="",
            ),
        )
    return state


def _end(rules: PodRules, state: PodState, now: float, actions: list[Action]) -> PodState:
    """Stop everything: the containers first, sidecars when those are gone."""
    busy = any(
        c.has_process and rules.of(c.name).kind is not Kind.SIDECAR for c in state.containers
    )
    given = state.deleting or state.failed is not None
    for container in state.containers:
        if not container.has_process:
            continue
        changed = container
        deadline = state.kill_at if given else now + 30.0
        if container.kill_at is None or container.kill_at > deadline:
            changed = dataclasses.replace(changed, kill_at=deadline)
        waits = rules.of(container.name).kind is Kind.SIDECAR and busy
        if container.phase is Phase.RUNNING and not container.stop_sent and not waits:
            actions.append(Stop(container.name, max(0.0, (changed.kill_at or now) - now)))
            changed = dataclasses.replace(changed, stop_sent=True)
        state = _with(state, changed)
    return state


def _kill_overdue(state: PodState, now: float, actions: list[Action]) -> PodState:
    for container in state.containers:
        if (
            container.phase is Phase.RUNNING
            and container.kill_at is not None
            and now >= container.kill_at
            and not container.kill_sent
        ):
            actions.append(Kill(container.name))
            state = _with(state, dataclasses.replace(container, kill_sent=True))
    return state


def _wake_at(rules: PodRules, state: PodState, now: float) -> float | None:
    times: list[float] = []
    ending = state.deleting or state.failed is not None or is_over(rules, state)
    for container in state.containers:
        if container.phase is Phase.RUNNING:
            if container.kill_at is not None and not container.kill_sent:
                times.append(container.kill_at)
        elif not container.has_process and not ending and container.not_before > now:
            times.append(container.not_before)
    return min(times, default=None)


def forgive(state: PodState, name: str) -> PodState:
    """The node went down with this container in it: no reason to start it any later."""
    return _with(state, dataclasses.replace(state.of(name), backoff_seconds=0.0))


def _with(state: PodState, changed: Container) -> PodState:
    return dataclasses.replace(
        state,
        containers=tuple(changed if c.name == changed.name else c for c in state.containers),
    )
