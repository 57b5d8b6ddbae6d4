"""Ports that are taken, by a stranger or by another home; and one home that is started twice."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.e2e import kills, ownnetwork
from tests.e2e import platform as platforms

PORT_FLAGS = {
    "--router-port": "router",
    "--router-internal-port": "router-internal",
    "--controller-port": "controller",
    "--apiserver-port": "apiserver",
}
POD_PORTS = (8888, 8000)
"""What a runtime and a fetcher listen on, in every pod."""


@pytest.fixture
def strangers() -> Iterator[Callable[..., list[socket.socket]]]:
    """Programs that listen on every address of the machine, as those do that know no better."""
    with ExitStack() as held:

        def listen(*ports: int) -> list[socket.socket]:
            return [held.enter_context(kills.wildcard_listener(port)) for port in ports]

        yield listen


@pytest.mark.parametrize("flag", PORT_FLAGS)
def test_a_taken_port_is_an_error_that_names_its_flag(
    fresh: Callable[[], platforms.Platform],
    strangers: Callable[..., list[socket.socket]],
    flag: str,
) -> None:
    platform = fresh()
    (stranger,) = strangers(0)
    port = str(stranger.getsockname()[1])
    done = platform.fission("up", "-d", "--ports", "auto", flag, port, check=False)
    assert done.returncode == 1
    assert flag in done.stderr
    assert port in done.stderr
    assert "Traceback" not in done.stderr
    assert kills.everything_of(platform.home) == []
    # Nothing is in the way of the next try.
    assert platform.fission("status", check=False).returncode == 1


def test_pods_keep_clear_of_strangers_on_their_ports(
    fresh: Callable[[], platforms.Platform], strangers: Callable[..., list[socket.socket]]
) -> None:
    platform = fresh()

    def body() -> None:
        try:
            strangers(*POD_PORTS)
        except OSError as error:
            pytest.skip(f"a program of this machine holds one of {POD_PORTS} already: {error}")
        platform.up()
        platform.fission(*platforms.PYTHON_ENVIRONMENT, "--poolsize", "1")
        platform.deploy("clear", kills.WARM_SOURCE)
        assert platform.wait_call("/clear").text.startswith("warm ")
        # Large code goes through storagesvc, whose pod's port is taken as well.
        platform.deploy("large", f"# {'x' * 300_000}\ndef main():\n    return 'large'\n")
        assert platform.wait_call("/large").text == "large"
        assert platform.fission("fn", "test", "--name", "clear").stdout.startswith("warm ")

    ownnetwork.run(body)


@pytest.mark.skipif(not ownnetwork.is_possible(), reason="needs root: a network without others")
def test_the_ports_that_are_promised(
    fresh: Callable[[], platforms.Platform],
) -> None:
    platform = fresh()

    def body() -> None:
        with kills.wildcard_listener(8888):
            done = platform.fission("up", "-d", check=False)
            assert done.returncode == 1
            assert "port 8888" in done.stderr
            assert "--router-port" in done.stderr
        platform.fission("up", "-d")
        status = platform.status()
        assert status["router"] == "http://127.0.0.1:8888"
        assert status["router_internal"] == "http://127.0.0.1:8889"
        assert status["controller"] == "http://127.0.0.1:8887"
        assert status["apiserver"] == "https://127.0.0.1:16443"
        assert platforms.call("http://127.0.0.1:8888/router-healthz").status == 200

    ownnetwork.run(body)


def test_a_second_up_says_that_it_runs(fresh: Callable[[], platforms.Platform]) -> None:
    platform = fresh()
    platform.up()
    before = platform.status()
    again = platform.fission("up", "-d")
    assert again.returncode == 0
    assert "runs already" in again.stdout
    after = platform.status()
    assert before["router"] in again.stdout
    assert after["router"] == before["router"]
    pids = [
        [entry["pid"] for entry in status["processes"] if entry["role"] in ("supervisor", "pod")]
        for status in (before, after)
    ]
    assert pids[0] == pids[1]


def test_two_homes_run_side_by_side(fresh: Callable[[], platforms.Platform]) -> None:
    homes = [fresh(), fresh()]
    for number, platform in enumerate(homes):
        platform.up()
        platform.fission(*platforms.PYTHON_ENVIRONMENT, "--poolsize", "1")
        platform.deploy("same", f"def main():\n    return 'home {number}'\n")
    for number, platform in enumerate(homes):
        assert platform.wait_call("/same").text == f"home {number}"
    assert len({port for platform in homes for port in ports_of(platform)}) == 8
    homes[0].down()
    assert homes[1].call("/same").text == "home 1"
    with contextlib.suppress(OSError):
        assert homes[0].call("/same").status == 0, "a stopped platform answers nobody"


def ports_of(platform: platforms.Platform) -> list[str]:
    status = platform.status()
    names = ("router", "router_internal", "controller", "apiserver")
    return [status[name].rpartition(":")[2] for name in names]
