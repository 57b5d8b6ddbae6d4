import datetime
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fission.base import clock as clocks
from fission.cluster.kubelet import groupusage, keptfiles, monitor, sampling, usage

AT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ONE = usage.Identity("ns", "web", "u1", "c", 7)


def rates(*samples, window=10.0):
    meter = usage.Meter(window)
    for moment, sample in samples:
        meter.add(ONE, sample, moment, AT)
    return [measured for _, measured in meter.measured()]


def test_a_young_container_has_a_rate_over_its_life_and_an_old_one_after_two_looks():
    assert rates((100.0, usage.Sample(5, 1.0, 4.0))) == [usage.Measured(AT, 4.0, 250_000_000, 5)]
    assert rates((100.0, usage.Sample(5, 60.0, 900.0))) == []
    two = rates((100.0, usage.Sample(5, 60.0)), (105.0, usage.Sample(6, 62.5)))
    assert two == [usage.Measured(AT, 5.0, 500_000_000, 6)]


def test_the_window_is_the_last_ten_seconds():
    looks = [
        (float(t), usage.Sample(1, 0.0 if t < 60 else (t - 60) * 2.0)) for t in range(0, 80, 5)
    ]
    (found,) = rates(*looks)
    assert found.window_seconds == 10.0
    assert found.cpu_nanocores == 2_000_000_000


def test_processor_time_that_goes_back_is_no_negative_rate():
    (found,) = rates((0.0, usage.Sample(1, 9.0)), (5.0, usage.Sample(1, 3.0)))
    assert found.cpu_nanocores == 0


def test_what_is_not_seen_any_more_is_forgotten():
    meter = usage.Meter()
    meter.add(ONE, usage.Sample(1, 1.0, 1.0), 0.0, AT)
    meter.keep([])
    assert meter.measured() == []


@given(st.lists(st.floats(0, 2), min_size=2, max_size=40))
def test_a_rate_lies_between_the_slowest_and_the_fastest_step(steps):
    total, looks = 0.0, [(0.0, usage.Sample(1, 0.0))]
    for number, step in enumerate(steps, 1):
        total += step * 5.0
        looks.append((number * 5.0, usage.Sample(1, total)))
    (found,) = rates(*looks)
    assert min(steps) - 1e-6 <= found.cpu_nanocores / 1e9 <= max(steps) + 1e-6


def test_only_what_nobody_else_holds_is_over_its_limit():
    samples = {"a": usage.Sample(10, 0), "b": usage.Sample(10, 0, is_held=True)}
    assert usage.over_limit(samples, {"a": 9, "b": 9}) == ["a"]


def test_the_node_is_all_that_is_busy_and_all_that_could_not_be_had():
    stat = "cpu  100 20 30 4000 500 6 7 8 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"
    memory = "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  600 kB\n"
    assert usage.node_sample(stat, memory, 100) == usage.Sample(400 * 1024, 1.71)


def test_a_group_counts_only_when_it_was_made_for_the_container():
    mounts = (
        "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n"
        "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n"
        "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n"
    )
    mounted = groupusage.mount_points(mounts)
    own = "5:memory:/user/fission-x-1\n4:cpu,cpuacct:/user\n0::/user.slice/fission-x-1\n"
    assert groupusage.group_folders(own, mounted) == {
        "memory": "/sys/fs/cgroup/memory/user/fission-x-1",
        "": "/sys/fs/cgroup/unified/user.slice/fission-x-1",
    }
    assert groupusage.group_folders("", mounted) == {}


@pytest.mark.parametrize("version", [1, 2])
def test_a_group_tells_its_working_set_and_its_time(tmp_path, version):
    if version == 1:
        (tmp_path / "memory.usage_in_bytes").write_text("1000\n")
        (tmp_path / "memory.stat").write_text("cache 5\ninactive_file 1\ntotal_inactive_file 300\n")
        (tmp_path / "cpuacct.usage").write_text("1500000000\n")
        folders = {"memory": str(tmp_path), "cpuacct": str(tmp_path)}
    else:
        (tmp_path / "memory.current").write_text("1000\n")
        (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 300\n")
        (tmp_path / "cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
        folders = {"": str(tmp_path)}
    group = groupusage.open_group(folders, keptfiles.Budget(0))
    assert (group.memory_bytes(), group.cpu_seconds()) == (700, 1.5)


def test_kept_files_are_bounded_and_given_back(tmp_path):
    budget = keptfiles.Budget(1)
    for name in "ab":
        (tmp_path / name).write_text(name)
    first, second = (keptfiles.KeptFile(str(tmp_path / name), budget) for name in "ab")
    assert (first.read(), second.read(), budget.left) == (b"a", b"b", 0)
    first.close()
    assert budget.left == 1
    assert second.read() == b"b"
    second.close()


def test_what_is_shared_is_looked_up_at_first_and_then_as_time_allows():
    now = [0.0]
    sampler = sampling.Sampler(lambda: now[0])
    pid = os.getpid()
    first = sampler.read("a", pid)
    now[0] = 2 * sampling.SHARED_SECONDS
    assert sampler.read("a", pid).memory_bytes > 0
    sampler.keep(["a"])
    assert first.memory_bytes > 0
    assert sampler.read("b", 2**22 + 1) is None
    sampler.close()


class Pod:
    def __init__(self, processes, limit=None):
        containers = [{"name": "c", "resources": {"limits": {"memory": limit}} if limit else {}}]
        meta = {"namespace": "ns", "name": "web", "uid": "u1"}
        self.pod = {"metadata": meta, "spec": {"containers": containers}}
        self.processes = processes
        self.killed = []

    def pids(self):
        return self.processes

    def out_of_memory(self, container):
        self.killed.append(container)


def test_this_process_is_found_with_its_memory():
    clock = clocks.ManualClock(AT)
    pod = Pod({"c": os.getpid()})
    watch = monitor.Monitor(lambda: [pod], clock)
    watch.look()
    clock.advance(5)
    watch.look()
    page = watch.describe(0)
    (found,) = page["containers"]
    assert (found["namespace"], found["pod"], found["uid"], found["container"]) == (
        "ns",
        "web",
        "u1",
        "c",
    )
    assert found["memoryBytes"] > 1 << 20
    assert found["timestamp"] == "2026-01-01T00:00:05Z"
    assert page["node"]["memoryBytes"] > found["memoryBytes"] // 2
    assert "next" not in page
    pod.processes = {}
    watch.look()
    assert watch.describe(0)["containers"] == []


def test_a_container_above_a_limit_that_nobody_holds_is_ended_also_between_looks():
    over, fine = Pod({"c": os.getpid()}, "1Mi"), Pod({"c": os.getpid()}, "100Gi")
    watch = monitor.Monitor(lambda: [over, fine], clocks.ManualClock(AT))
    watch.look()
    watch.look(whole=False)
    assert (over.killed, fine.killed) == (["c", "c"], [])


def test_init_containers_have_limits_too():
    def container(name, memory):
        return {"name": name, "resources": {"limits": {"memory": memory}}}

    spec = {"initContainers": [container("first", "1Ki")], "containers": [container("c", "2Ki")]}
    assert monitor.memory_limits({"spec": spec}) == {"first": 1024, "c": 2048}
