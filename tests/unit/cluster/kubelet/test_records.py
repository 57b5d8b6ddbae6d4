import json

from hypothesis import given
from hypothesis import strategies as st

from fission.cluster.kubelet import addresses, podstate, records

TIMES = st.floats(0, 2e9)
TEXT = st.text(max_size=8)
ENDINGS = st.builds(
    podstate.Termination,
    exit_code=st.integers(0, 255),
    signal=st.none() | st.integers(1, 30),
    reason=TEXT,
    message=TEXT,
    started_at=TIMES,
    finished_at=TIMES,
    container_id=TEXT,
)
CONTAINERS = st.builds(
    podstate.Container,
    name=TEXT,
    phase=st.sampled_from(podstate.Phase),
    attempt=st.integers(-1, 9),
    current=st.none() | ENDINGS,
    last=st.none() | ENDINGS,
    kill_at=st.none() | TIMES,
)
STATES = st.builds(
    podstate.PodState,
    containers=st.lists(CONTAINERS, max_size=3).map(tuple),
    problem=st.none() | st.tuples(TEXT, TEXT),
    failed=st.none() | st.tuples(TEXT, TEXT),
)


@given(STATES)
def test_a_record_comes_back_as_it_was(state):
    endpoint = addresses.Endpoint("127.1.2.3", {8888: 20001})
    record = records.PodRecord("boot", "u", "ns", "p", endpoint, state, 5.0)

    assert records.decode(json.loads(records.encode(record))) == record


def test_damaged_records_are_left_out(tmp_path):
    good = records.PodRecord("boot", "u", "ns", "p", None, podstate.PodState(()))
    records.write(tmp_path / "u" / "record.json", good)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "record.json").write_text('{"boot_id": ')
    (tmp_path / "empty").mkdir()

    assert records.read_all(tmp_path) == [good]
    assert records.read_all(tmp_path / "nowhere") == []


def test_container_ids():
    text = records.container_id("u-1", "main", 3)

    assert records.parse_container_id(text) == ("u-1", "main", 3)
    assert records.parse_container_id("something") is None


def test_what_a_status_still_says_after_a_reboot():
    pod = {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u"},
        "spec": {
            "initContainers": [{"name": "i"}],
            "containers": [{"name": "a"}, {"name": "b"}],
        },
        "status": {
            "initContainerStatuses": [
                {"name": "i", "restartCount": 0, "state": {"terminated": {"exitCode": 0}}}
            ],
            "containerStatuses": [
                {"name": "a", "restartCount": 2, "state": {"running": {}}},
                {"name": "b", "restartCount": 0, "state": {"waiting": {"reason": "x"}}},
            ],
        },
    }
    rules = podstate.parse_rules(pod)

    state = records.from_status(rules, pod, 100.0)
    decision = podstate.step(rules, state, podstate.SandboxReady(), 100.0)

    assert state.of("a").current.reason == "ContainerStatusUnknown"
    assert decision.actions == (podstate.Start("a", 3), podstate.Start("b", 0))
