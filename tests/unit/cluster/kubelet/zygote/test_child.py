"""The pure parts of becoming a container."""

import dataclasses

import pytest

from fission.cluster.kubelet.zygote import child, messages

SPEC = messages.ContainerSpec(id="a", argv=["x"], env={"A": "b"})


def test_without_sockets_the_environment_is_the_specs_own() -> None:
    assert child.make_environment(SPEC, 7) == {"A": "b"}


def test_sockets_are_announced_as_systemd_does() -> None:
    spec = dataclasses.replace(SPEC, socket_names=("http", "metrics"))
    found = child.make_environment(spec, 7)
    assert found["LISTEN_FDS"] == "2"
    assert found["LISTEN_FDNAMES"] == "http:metrics"
    assert found["LISTEN_PID"] == "7"


def test_extra_descriptors_follow_the_sockets() -> None:
    spec = dataclasses.replace(SPEC, socket_names=("http",), extra_fd_names=("CONTROL_FD", "B_FD"))
    found = child.make_environment(spec, 7)
    assert (found["CONTROL_FD"], found["B_FD"]) == ("4", "5")


def test_without_mount_namespace_the_temporary_folder_is_the_volume_at_tmp() -> None:
    spec = dataclasses.replace(SPEC, mounts=(messages.Mount("/host/tmp", "/tmp"),))
    assert child.make_environment(spec, 7)["TMPDIR"] == "/host/tmp"
    inside = dataclasses.replace(spec, confinement=messages.Confinement("full", "none"))
    assert "TMPDIR" not in child.make_environment(inside, 7)


def test_with_listed_ports_names_are_resolved_over_tcp() -> None:
    spec = dataclasses.replace(SPEC, confinement=messages.Confinement("full", (443,)))
    assert child.make_environment(spec, 7)["RES_OPTIONS"] == "use-vc"


def test_the_argument_of_sys_exit_becomes_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert child.exit_code(SystemExit()) == 0
    assert child.exit_code(SystemExit(3)) == 3
    assert child.exit_code(SystemExit("words")) == 1
