"""Flags of up, down and status."""

from __future__ import annotations

import pathlib

import pytest

from fission.base import errors
from fission.bundle.embedded import configfile, options
from fission.cluster.supervisor import config as supervisor_config

HOME = {"FISSION_HOME": "/home/ada/fission"}


def test_defaults() -> None:
    parsed = options.parse(["up"], HOME)
    assert parsed.home == pathlib.Path("/home/ada/fission")
    assert parsed.ports == options.Ports(8888, 8889, 8887, 16443)
    assert (parsed.detach, parsed.hosts) == (False, ("127.0.0.1",))


def test_automatic_ports_are_free_ones_and_a_named_one_stays() -> None:
    parsed = options.parse(["up", "-d", "--ports", "auto", "--router-port", "9000"], HOME)
    assert parsed.ports == options.Ports(9000, 0, 0, 0)


def test_the_home_defaults_to_a_folder_of_the_user() -> None:
    assert options.parse(["down"], {}).home == pathlib.Path("~/.fission").expanduser()


def test_the_wildcard_becomes_every_address_of_this_machine() -> None:
    hosts = options.parse(["up", "--host", "0.0.0.0"], HOME).hosts
    assert "127.0.0.1" in hosts
    assert "0.0.0.0" not in hosts


def test_a_host_that_is_no_address_is_refused() -> None:
    with pytest.raises(errors.InvalidInput, match=r"--host example\.org"):
        options.parse(["up", "--host", "example.org"], HOME)


def test_the_supervisor_understands_what_up_writes() -> None:
    document = configfile.make(options.parse(["up", "--host", "127.0.0.1"], HOME))
    parsed = supervisor_config.parse(document)
    assert {port.key: port.host_port for port in parsed.host_ports} == {
        "fission/router/http": 8888,
        "fission/router-internal/http-internal": 8889,
        "fission/controller/http": 8887,
    }
    assert [port.flag for port in parsed.host_ports] == [
        "--router-port",
        "--router-internal-port",
        "--controller-port",
    ]


def test_only_the_function_port_follows_host() -> None:
    asked = ["up", "--host", "127.0.0.1", "--host", "127.0.0.2"]
    document = configfile.make(options.parse(asked, HOME))
    hosts = {entry["service"]: entry["hosts"] for entry in document["hostPorts"]}
    assert hosts["router"] == ["127.0.0.1", "127.0.0.2"]
    assert hosts["router-internal"] == hosts["controller"] == ["127.0.0.1"]


def test_images_of_the_caller_and_the_home_come_before_the_shipped(tmp_path: pathlib.Path) -> None:
    mine, home = tmp_path / "mine", tmp_path / "home"
    mine.mkdir()
    (home / "images").mkdir(parents=True)
    parsed = options.parse(["up", "--images", str(mine)], {"FISSION_HOME": str(home)})
    command = configfile.make(parsed)["kubelet"]["command"]
    folders = command[command.index("--images") + 1].split(",")
    assert folders[:2] == [str(mine), str(home / "images")]
    assert len(folders) == 4


@pytest.mark.parametrize("folder", ["absent", "a,b"])
def test_a_folder_of_images_that_cannot_be_used_is_refused(
    tmp_path: pathlib.Path, folder: str
) -> None:
    (tmp_path / "a,b").mkdir()
    with pytest.raises(errors.InvalidInput, match=f"--images .*{folder}"):
        options.parse(["up", "--images", str(tmp_path / folder)], HOME)


def test_the_login_is_made_when_asked_for() -> None:
    assert not options.parse(["up"], HOME).auth
    assert options.parse(["up", "--auth"], HOME).auth
