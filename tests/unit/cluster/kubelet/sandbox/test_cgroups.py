import pytest

from fission.cluster.kubelet.sandbox import cgroups, limits, policy


@pytest.fixture
def scope(tmp_path):
    """A group of version 2 as systemd delegates it, in plain files."""
    folder = tmp_path / "fs" / "user.slice" / "fission.scope"
    folder.mkdir(parents=True)
    (folder / "cgroup.controllers").write_text("cpuset cpu memory pids\n")
    (folder / "cgroup.procs").write_text("11\n12\n")
    (folder / "cgroup.subtree_control").write_text("")
    (tmp_path / "mounts").write_text(f"cgroup2 {tmp_path}/fs cgroup2 rw 0 0\n")
    (tmp_path / "own").write_text("0::/user.slice/fission.scope\n")
    return folder


def ask(function, tmp_path, *more):
    return function(str(tmp_path / "mounts"), str(tmp_path / "own"), *more)


def test_a_delegated_group_is_made_ready(tmp_path, scope):
    assert ask(cgroups.find, tmp_path).directories == {}

    assert ask(cgroups.delegate, tmp_path, lambda directory: True)

    assert (scope / "fission" / "cgroup.procs").read_text() == "12"
    (scope / "cgroup.subtree_control").write_text("cpu memory pids")
    (tmp_path / "own").write_text("0::/user.slice/fission.scope/fission\n")
    found = ask(cgroups.find, tmp_path)
    assert (found.version, found.directories) == (
        2,
        dict.fromkeys(("memory", "pids", "cpu"), str(scope)),
    )
    group = cgroups.make(found, "x", policy.Limits(memory_bytes=5, cpu_millis=250))
    assert (scope / "fission-x" / "memory.max").read_text() == "5"
    assert (scope / "fission-x" / "cpu.max").read_text() == "25000 100000"
    assert group.has_memory


def test_a_group_that_nobody_delegated_is_left_alone(tmp_path, scope):
    assert not ask(cgroups.delegate, tmp_path)
    assert not (scope / "fission").exists()


def test_the_weight_of_a_request():
    weights = {None: 0, 4000: 0, 1000: 0, 500: 3, 250: 6, 100: 10, 1: 10}
    assert {millis: limits.nice_of(millis) for millis in weights} == weights
