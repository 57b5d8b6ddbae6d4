"""Decisions that need no kernel: which requests are refused, which ports are left, which groups."""

import os
import pathlib

import pytest

from fission.cluster.kubelet.sandbox import cgroups, enter, landlock, policy, rootfs

MINE = None if os.geteuid() else 70000


def refusal(grounds: enter.Grounds, asked: policy.Confinement) -> str:
    with pytest.raises(policy.PolicyError) as caught:
        enter.prepare(grounds, "test", asked, policy.Limits(), ())
    return str(caught.value)


def test_an_asked_for_port_list_without_port_rules_is_refused_by_name() -> None:
    grounds = enter.Grounds("landlock", landlock_abi=3)
    words = refusal(grounds, policy.Confinement("landlock", (443,), uid=MINE))
    assert words.startswith("outbound ports [443] were asked for; this kernel has no TCP port")


def test_the_default_without_port_rules_runs_and_says_so() -> None:
    grounds = enter.Grounds("landlock", landlock_abi=3)
    asked = policy.Confinement("landlock", "default", uid=MINE)
    prepared = enter.prepare(grounds, "test", asked, policy.Limits(), ())
    assert prepared.notes == (enter.NO_PORT_RULES, enter.NO_SCOPES)


@pytest.mark.parametrize("outbound", ["none", (443,)])
def test_where_nothing_is_confined_an_asked_for_policy_is_refused(
    outbound: policy.Outbound,
) -> None:
    words = refusal(enter.Grounds("none"), policy.Confinement("none", outbound))
    assert words == "an outbound policy was asked for; this host confines no container"


def test_where_nothing_is_confined_a_function_runs_and_says_so() -> None:
    bounds = policy.Limits(memory_bytes=1, cpu_millis=1)
    asked = policy.Confinement("none", "default")
    prepared = enter.prepare(enter.Grounds("none"), "test", asked, bounds, ())
    assert prepared.notes == (enter.NOT_CONFINED, enter.NO_MEMORY_GROUP, enter.NO_CPU_GROUP)


def test_landlock_mode_without_landlock_is_refused() -> None:
    asked = policy.Confinement("landlock", "none", uid=MINE)
    assert refusal(enter.Grounds("landlock"), asked) == "this kernel has no Landlock"


def test_uid_0_is_refused() -> None:
    asked = policy.Confinement("landlock", "none", uid=0)
    assert "uid" in refusal(enter.Grounds("landlock", landlock_abi=7), asked)


@pytest.mark.parametrize("path", ["userfunc", "/", "/a/../b", "/a//b", "/userfunc/"])
def test_a_mount_path_must_be_absolute_and_plain(tmp_path: pathlib.Path, path: str) -> None:
    template = rootfs.Template(str(tmp_path))
    with pytest.raises(policy.PolicyError, match="not an absolute plain path"):
        template.add_mount_points([policy.Mount(str(tmp_path), path)])


def test_a_mount_path_in_a_system_folder_is_refused(tmp_path: pathlib.Path) -> None:
    template = rootfs.Template(str(tmp_path), bound={"/usr", "/proc"})
    for path in ("/usr", "/usr/lib/x", "/proc/x"):
        with pytest.raises(policy.PolicyError, match="read-only system folder"):
            template.add_mount_points([policy.Mount(str(tmp_path), path)])


def test_mount_points_are_made_for_folders_and_files(tmp_path: pathlib.Path) -> None:
    host_file = tmp_path / "file"
    host_file.write_text("x")
    template = rootfs.Template(str(tmp_path), bound=set())
    mounts = [
        policy.Mount(str(tmp_path), "/data/deep"),
        policy.Mount(str(tmp_path), "/data/deep/inside"),
        policy.Mount(str(host_file), "/etc/app.conf"),
    ]
    template.add_mount_points(mounts)
    assert (tmp_path / "content/data/deep").is_dir()
    assert not (tmp_path / "content/data/deep/inside").exists()
    assert (tmp_path / "etc/app.conf").read_text() == ""


def test_all_ports_but_the_blocked_are_left() -> None:
    left = list(landlock.complement([(8888, 8889), (1, 3), (8889, 9000), (65000, 65535)]))
    assert left == [*range(4, 8888), *range(9001, 65000)]
    assert list(landlock.complement([])) == list(range(1, 65536))


def test_the_folder_that_keeps_others_out_is_found(tmp_path: pathlib.Path) -> None:
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "closed").chmod(0o711)
    assert rootfs.closed_folder_above(str(inner)) != str(tmp_path / "closed")
    (tmp_path / "closed").chmod(0o700)
    assert rootfs.closed_folder_above(str(inner)) == str(tmp_path / "closed")


def test_groups_of_version_1_are_found_by_controller(tmp_path: pathlib.Path) -> None:
    mounts, own = tmp_path / "mounts", tmp_path / "own"
    for name in ("memory/mine", "pids"):
        (tmp_path / name).mkdir(parents=True)
    mounts.write_text(
        f"cgroup {tmp_path}/memory cgroup rw,memory 0 0\n"
        f"cgroup {tmp_path}/pids cgroup rw,pids 0 0\n"
        f"cgroup {tmp_path}/cpu cgroup rw,cpu,cpuacct 0 0\n"
    )
    own.write_text("9:memory:/mine\n8:pids:/\n7:cpu,cpuacct:/\n0::/\n")
    found = cgroups.find(str(mounts), str(own))
    assert found.version == 1
    assert found.directories == {"memory": f"{tmp_path}/memory/mine", "pids": f"{tmp_path}/pids"}


def test_groups_of_version_2_need_delegated_controllers(tmp_path: pathlib.Path) -> None:
    mounts, own = tmp_path / "mounts", tmp_path / "own"
    (tmp_path / "user").mkdir()
    control = tmp_path / "user" / "cgroup.subtree_control"
    control.write_text("memory pids\n")
    mounts.write_text(f"cgroup2 {tmp_path} cgroup2 rw 0 0\n")
    own.write_text("0::/user\n")
    found = cgroups.find(str(mounts), str(own))
    assert found.version == 2
    assert sorted(found.directories) == ["memory", "pids"]
    control.write_text("\n")
    assert cgroups.find(str(mounts), str(own)).directories == {}


def test_a_group_gets_its_limits_and_goes_again(tmp_path: pathlib.Path) -> None:
    parents = cgroups.Hierarchies(2, {"memory": str(tmp_path), "cpu": str(tmp_path)})
    limits = policy.Limits(memory_bytes=1000, cpu_millis=250, max_processes=5)
    group = cgroups.make(parents, "pod", limits)
    assert group is not None
    assert group.has_memory
    folder = tmp_path / "fission-pod"
    assert (folder / "memory.max").read_text() == "1000"
    assert (folder / "cpu.max").read_text() == "25000 100000"
    (folder / "memory.events").write_text("low 0\noom 1\noom_kill 1\n")
    assert group.was_out_of_memory()
    assert not group.remove()
    for file in folder.iterdir():
        file.unlink()
    assert group.remove()
    assert group.remove()


def test_without_limits_no_group_is_made(tmp_path: pathlib.Path) -> None:
    parents = cgroups.Hierarchies(2, {"memory": str(tmp_path)})
    assert cgroups.make(parents, "pod", policy.Limits()) is None
    assert list(tmp_path.iterdir()) == []
