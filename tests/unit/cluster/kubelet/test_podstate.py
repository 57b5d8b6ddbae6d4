import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fission.cluster.kubelet import podstate
from fission.cluster.kubelet.podstate import (
    Container,
    Deleted,
    Exited,
    Fail,
    Kill,
    Kind,
    Phase,
    Probed,
    SandboxReady,
    Start,
    Started,
    StartFailed,
    Stop,
    Teardown,
    Tick,
)


def a_pod(containers=("main",), inits=(), restart_policy="Always", **probes):
    return {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u1"},
        "spec": {
            "restartPolicy": restart_policy,
            "initContainers": [
                {"name": n.removesuffix("*"), **({"restartPolicy": "Always"} if "*" in n else {})}
                for n in inits
            ],
            "containers": [{"name": n, **probes.get(n, {})} for n in containers],
        },
    }


class Life:
    """Drives one pod's state and remembers the actions."""

    def __init__(self, pod):
        self.rules = podstate.parse_rules(pod)
        self.state = podstate.fresh(self.rules)
        self.now = 1000.0
        self.wake_at = None

    def __call__(self, stimulus, after=0.0):
        self.now += after
        decision = podstate.step(self.rules, self.state, stimulus, self.now)
        self.state, self.wake_at = decision.state, decision.wake_at
        return list(decision.actions)

    def run(self, name):
        return self(Started(name, f"fission://{name}", self.now))

    def exit(self, name, code, after=0.0):
        self.now += after
        return self(Exited(name, code, self.now))


def test_a_container_starts_when_the_pod_has_its_address():
    life = Life(a_pod())

    assert life(Tick()) == []
    assert life(SandboxReady()) == [Start("main", 0)]
    assert life(Tick()) == []
    assert life.run("main") == []
    assert life.state.of("main").ready


def test_init_containers_run_one_after_the_other_before_the_rest():
    life = Life(a_pod(("a", "b"), inits=("i1", "side*", "i2")))

    assert life(SandboxReady()) == [Start("i1", 0)]
    life.run("i1")
    assert life.exit("i1", 0) == [Start("side", 0)]
    assert life.run("side") == [Start("i2", 0)]
    life.run("i2")
    assert life.exit("i2", 0) == [Start("a", 0), Start("b", 0)]


def test_a_failed_init_container_is_tried_again_unless_the_pod_never_restarts():
    life = Life(a_pod(inits=("i",)))
    life(SandboxReady())
    life.run("i")
    assert life.exit("i", 1) == [Start("i", 1)]

    life = Life(a_pod(inits=("i",), restart_policy="Never"))
    life(SandboxReady())
    life.run("i")
    assert life.exit("i", 1) == [Teardown()]


def test_restarts_wait_twice_as_long_each_time():
    life = Life(a_pod())
    life(SandboxReady())
    waits = []
    for attempt in range(10):
        life.run("main")
        actions = life.exit("main", 1)
        if actions:
            waits.append(0.0)
        else:
            waits.append(life.wake_at - life.now)
            actions = life(Tick(), after=waits[-1])
        assert actions == [Start("main", attempt + 1)]

    assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_a_long_healthy_run_resets_the_back_off():
    life = Life(a_pod())
    life(SandboxReady())
    for _ in range(4):
        life.run("main")
        life.exit("main", 1)
        life(Tick(), after=60.0)
    life.run("main")

    assert life.exit("main", 1, after=podstate.BACKOFF_RESET_SECONDS) == [Start("main", 5)]


def test_a_run_far_longer_than_the_back_off_so_far_resets_it():
    life = Life(a_pod())
    life(SandboxReady())
    for attempt in range(1, 5):
        life.run("main")
        assert life.exit("main", 1, after=10.0) == [Start("main", attempt)]


@pytest.mark.parametrize(
    "end",
    [
        {"exit_code": 137, "signal": 9},
        {"exit_code": 137, "reason": podstate.LOST},
    ],
)
def test_a_container_that_somebody_killed_starts_again_at_once(end):
    life = Life(a_pod())
    life(SandboxReady())
    for attempt in range(1, 6):
        life.run("main")
        assert life(Exited("main", at=life.now + 2.0, **end), after=2.0) == [Start("main", attempt)]

    life.run("main")
    assert life(Exited("main", at=life.now, **end)) == [Start("main", 6)]
    life.run("main")
    assert life(Exited("main", at=life.now, **end)) == [], "so soon after its start it is a crash"


def test_a_container_out_of_memory_backs_off():
    life = Life(a_pod())
    life(SandboxReady())
    life.run("main")
    life.exit("main", 1)
    life.run("main")
    end = Exited("main", 137, life.now + 2.0, 9, podstate.OUT_OF_MEMORY)
    assert life(end, after=2.0) == []


@pytest.mark.parametrize(
    ("policy", "code", "expected"),
    [
        ("Always", 0, [Start("main", 1)]),
        ("Always", 1, [Start("main", 1)]),
        ("OnFailure", 0, [Teardown()]),
        ("OnFailure", 1, [Start("main", 1)]),
        ("Never", 0, [Teardown()]),
        ("Never", 1, [Teardown()]),
    ],
)
def test_the_restart_policy_decides_after_an_exit(policy, code, expected):
    life = Life(a_pod(restart_policy=policy))
    life(SandboxReady())
    life.run("main")

    assert life.exit("main", code) == expected


def test_a_start_that_fails_is_tried_again_without_counting_as_a_restart():
    life = Life(a_pod())
    life(SandboxReady())

    assert life(StartFailed("main", "ErrImageNeverPull", "no such image")) == []
    assert life.state.of("main").reason == "ErrImageNeverPull"
    assert life(Tick(), after=life.wake_at - life.now) == [Start("main", 0)]


def test_deletion_stops_then_kills_at_the_deadline_then_tears_down():
    life = Life(a_pod())
    life(SandboxReady())
    life.run("main")

    assert life(Deleted(life.now + 5)) == [Stop("main", 5.0)]
    assert life(Tick(), after=4.9) == []
    assert life(Tick(), after=0.2) == [Kill("main")]
    assert life(Tick(), after=1) == []
    assert life.exit("main", 137) == [Teardown()]


def test_a_shorter_grace_on_a_second_deletion_wins():
    life = Life(a_pod())
    life(SandboxReady())
    life.run("main")
    life(Deleted(life.now + 30))

    assert life(Deleted(life.now)) == [Kill("main")]


def test_sidecars_end_after_the_containers_they_serve():
    life = Life(a_pod(inits=("side*",)))
    life(SandboxReady())
    life.run("side")
    life.run("main")

    assert life(Deleted(life.now + 5)) == [Stop("main", 5.0)]
    assert life.exit("main", 0) == [Stop("side", 5.0)]
    assert life.exit("side", 0) == [Teardown()]


def test_a_pod_deleted_while_a_container_starts_waits_for_it():
    life = Life(a_pod())
    life(SandboxReady())

    assert life(Deleted(life.now + 5)) == []
    assert life.run("main") == [Stop("main", 5.0)]
    assert life.exit("main", 0) == [Teardown()]


def test_a_pod_deleted_before_it_had_a_process_is_torn_down_at_once():
    life = Life(a_pod())

    assert life(Deleted(life.now + 30)) == [Teardown()]


def test_probes_decide_about_readiness_and_restarts():
    probes = {"startupProbe": {}, "readinessProbe": {}}
    life = Life(a_pod(main=probes))
    life(SandboxReady())
    life.run("main")
    assert not life.state.of("main").ready
    life(Probed("main", "startup", True))
    assert not life.state.of("main").ready
    life(Probed("main", "readiness", True))
    assert life.state.of("main").ready
    life(Probed("main", "readiness", False))
    assert not life.state.of("main").ready

    assert life(Probed("main", "liveness", False, 3.0)) == [Stop("main", 3.0)]
    assert life(Tick(), after=3.0) == [Kill("main")]
    assert life.exit("main", 137) == [Start("main", 1)]


def test_an_evicted_pod_ends_and_never_starts_again():
    life = Life(a_pod())
    life(SandboxReady())
    life.run("main")

    assert life(Fail("Evicted", "too much memory", life.now)) == [Stop("main", 0.0), Kill("main")]
    assert life.exit("main", 137) == [Teardown()]
    assert life(Tick(), after=600) == []


PODS = st.builds(
    a_pod,
    containers=st.sampled_from([("a",), ("a", "b")]),
    inits=st.sampled_from([(), ("i",), ("i", "s*"), ("s*", "i")]),
    restart_policy=st.sampled_from(["Always", "OnFailure", "Never"]),
    a=st.sampled_from([{}, {"readinessProbe": {}}, {"startupProbe": {}, "readinessProbe": {}}]),
)

MOVES = st.lists(
    st.tuples(
        st.sampled_from(
            ["tick", "started", "failed", "exit", "probe", "delete", "evict", "sandbox", "late"]
        ),
        st.integers(0, 3),
        st.sampled_from([0, 1, 137]),
        st.sampled_from([0.0, 0.3, 5.0, 200.0]),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(pod=PODS, moves=MOVES)
def test_invariants_hold_whatever_happens(pod, moves):
    life = Life(pod)
    processes: dict[str, str] = {}
    attempts: set[tuple[str, int]] = set()
    ended = torn_down = False

    def obey(actions):
        nonlocal torn_down
        for action in actions:
            match action:
                case Start(name, attempt):
                    assert not ended, "nothing starts after the end"
                    assert name not in processes, "at most one process"
                    assert (name, attempt) not in attempts, "an attempt is used once"
                    processes[name] = "starting"
                    _check_order(life, name, processes)
                case Stop(name, grace):
                    assert processes[name] == "running"
                    assert grace >= 0
                case Kill(name):
                    assert processes[name] == "running"
                case Teardown():
                    assert not torn_down, "teardown comes once"
                    assert not processes, "teardown follows the last process"
                    torn_down = True

    for move, index, code, wait in moves:
        name = life.rules.containers[index % len(life.rules.containers)].name
        stimulus = Tick()
        match move:
            case "sandbox":
                stimulus = SandboxReady()
            case "started" if processes.get(name) == "starting":
                processes[name] = "running"
                attempts.add((name, life.state.of(name).attempt))
                stimulus = Started(name, "id", life.now)
            case "failed" if processes.get(name) == "starting":
                del processes[name]
                stimulus = StartFailed(name, "R", "m")
            case "exit" if processes.get(name) == "running":
                del processes[name]
                stimulus = Exited(name, code, life.now)
            case "late":
                # A message about something that is over must change nothing.
                if name not in processes:
                    before = life.state
                    for stale in (Started(name, "x", 0.0), Exited(name, 1, 0.0)):
                        after = podstate.step(life.rules, before, stale, life.now).state
                        assert after.of(name).phase in (before.of(name).phase, Phase.STARTING)
            case "probe":
                stimulus = Probed(name, ["startup", "readiness", "liveness"][index % 3], code == 0)
            case "delete":
                stimulus, ended = Deleted(life.now + wait), True
            case "evict":
                stimulus, ended = Fail("Evicted", "m", life.now + wait), True
        obey(life(stimulus, after=wait))
        for container in life.state.containers:
            assert container.has_process == (container.name in processes)
            assert not (container.ready and container.phase is not Phase.RUNNING)
    # Whatever happened: once deleted and given time, the pod ends.
    ended = True
    obey(life(Deleted(life.now)))
    for _ in range(len(life.rules.containers) * 2):
        for name, where in list(processes.items()):
            if where == "starting":
                processes[name] = "running"
                obey(life.run(name))
            del processes[name]
            obey(life.exit(name, 137))
    assert life.state.torn_down


def _check_order(life, name, processes):
    """A main container starts only after every init container succeeded once."""
    if life.rules.of(name).kind is not Kind.MAIN:
        return
    for container in life.state.containers:
        if life.rules.of(container.name).kind is Kind.INIT:
            assert container.current is not None
            assert container.current.exit_code == 0


def test_states_are_values():
    assert dataclasses.replace(Container("a"), ready=True) == Container("a", ready=True)
