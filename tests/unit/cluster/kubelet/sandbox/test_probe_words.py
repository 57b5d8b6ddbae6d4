"""What the probe says about a failed step."""

import pytest

from fission.cluster.kubelet.sandbox import enter, probe

APPARMOR = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
GROUPS = ("cpu", "memory", "pids")
DEBIAN = "/proc/sys/kernel/unprivileged_userns_clone"


@pytest.mark.parametrize(
    ("step", "settings", "words"),
    [
        ("unshare: Operation not permitted", {}, "seccomp profile"),
        ("unshare: Operation not permitted", {DEBIAN: "0"}, "kernel.unprivileged_userns_clone=1"),
        ("unshare: No space left on device", {}, "user.max_user_namespaces"),
        ("unshare: Invalid argument", {}, "the kernel was built without"),
        ("write uid_map: Operation not permitted", {APPARMOR: "1"}, "AppArmor"),
        ("mount /: Permission denied", {APPARMOR: "1"}, "AppArmor"),
        ("mount /root/root/proc: Operation not permitted", {}, "systempaths=unconfined"),
        ("mount_setattr /usr: Function not implemented", {}, "5.12"),
    ],
)
def test_a_known_failure_names_its_remedy(step: str, settings: dict[str, str], words: str) -> None:
    assert words in probe.find_remedy(step, settings)


def test_success_and_the_unknown_have_no_remedy() -> None:
    assert probe.find_remedy("", {}) == ""
    assert probe.find_remedy("mount /usr: Input/output error", {}) == ""


def test_full_mode_on_a_new_kernel_with_groups_has_no_gap() -> None:
    assert probe.find_gaps("full", 7, GROUPS) == []


def test_an_old_kernel_says_that_the_platforms_ports_are_reachable() -> None:
    assert probe.find_gaps("full", 3, GROUPS) == [enter.NO_PORT_RULES]
    assert enter.NO_SCOPES in probe.find_gaps("landlock", 5, GROUPS)


def test_without_groups_memory_is_counted_per_process_and_processor_time_not_at_all() -> None:
    assert probe.find_gaps("full", 7, ()) == [enter.NO_MEMORY_GROUP, enter.NO_CPU_GROUP]


def test_findings_come_back_from_json() -> None:
    found = probe.Isolation("landlock", 7, True, 1, ("memory",), "unshare", "remedy", ("gap",))
    raw = {
        "mode": "landlock",
        "landlock_abi": 7,
        "has_seccomp": True,
        "cgroup_version": 1,
        "cgroup_controllers": ["memory"],
        "failed_step": "unshare",
        "remedy": "remedy",
        "gaps": ["gap"],
    }
    assert probe.Isolation.from_dict(raw) == found
