"""The supervisor with two small programs in the place of API server and kubelet."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fission.cluster.supervisor import control, processes, wire
from fission.cluster.supervisor import home as homes

APISERVER = """
import os, socket, signal
listener = socket.socket(fileno=3)
listener.setblocking(True)
assert os.environ["LISTEN_FDNAMES"] == "https"
while True:
    connection, _ = listener.accept()
    connection.sendall(b"%d" % os.getpid())
    connection.close()
"""

KUBELET = """
import os, sys
from fission.cluster.supervisor import wire
run = os.environ["FISSION_RUN_DIR"]
try:
    answer, fds = wire.ask(run + "/supervisor.sock", {"op": "sockets"}, 5.0)
except OSError:
    answer, fds = {"sockets": []}, []
listener = wire.listen(run + "/kubelet.sock")
while True:
    connection, _ = listener.accept()
    with connection:
        message, _ = wire.receive(connection)
        if message["op"] == "host-sockets":
            wire.send(connection, answer, fds)
        elif message["op"] == "shutdown":
            wire.send(connection, {"ok": True})
            sys.exit(0)
        else:
            wire.send(connection, {"pods": 0})
"""


def until(condition, what, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {what}")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def home(tmp_path):
    root = tmp_path / ("a-path-too-long-for-a-socket" * 2) / "home"
    root.mkdir(mode=0o700, parents=True)
    (root / "cluster.json").write_text(
        json.dumps(
            {
                "hostPorts": [
                    {"service": "router", "port": "http", "hostPort": 0, "flag": "--router-port"}
                ],
                "apiserver": {
                    "hostPort": 0,
                    "flag": "--apiserver-port",
                    "command": [sys.executable, "-c", APISERVER],
                },
                "kubelet": {"command": [sys.executable, "-c", KUBELET]},
                "stopGraceSeconds": 1,
            }
        )
    )
    yield root
    control.stop(root, 30.0)
    run = homes.Home(root).run_dir()
    assert run == root / "run" or not run.exists()


def pid_of(home: Path, name: str) -> int | None:
    found = control.status(home)
    assert found is not None
    return next(p["pid"] for p in found["processes"] if p["name"] == name)


def apiserver_answer(state) -> bytes:
    port = next(p["hostPort"] for p in state["hostPorts"] if p["service"] == "apiserver")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        return connection.recv(64)


def kubelet_answers(home: Path) -> bool:
    return bool((control.status(home) or {}).get("kubelet"))


def kill(pid: int) -> None:
    identity = processes.identify(pid)
    os.kill(pid, signal.SIGKILL)
    if identity is not None:
        processes.wait_exit(identity, 5.0)


def test_start_status_and_stop(home):
    assert control.status(home) is None

    state = control.start(home)

    assert apiserver_answer(state) == str(pid_of(home, "apiserver")).encode()
    assert set(state["urls"]) == {"router", "apiserver"}
    assert state["urls"]["apiserver"].startswith("https://127.0.0.1:")
    until(lambda: kubelet_answers(home), "the kubelet answers")
    pids = [p["pid"] for p in control.status(home)["processes"]]

    assert control.stop(home) is True
    assert [pid for pid in pids if processes.identify(pid)] == []
    assert control.status(home) is None
    assert control.stop(home) is False


def test_a_second_start_says_who_runs(home):
    state = control.start(home)

    result = subprocess.run(
        [sys.executable, "-m", "fission.cluster.supervisor", "--home", str(home)],
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert result.returncode == 3
    assert result.stderr == f"error: {home}: already running (pid {state['supervisor']['pid']})\n"
    with pytest.raises(control.ControlError, match=r"already running \(pid \d+\)"):
        control.start(home)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_names_the_flag(home, address):
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind((address, 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        document = json.loads((home / "cluster.json").read_text())
        document["hostPorts"][0]["hostPort"] = port
        (home / "cluster.json").write_text(json.dumps(document))

        with pytest.raises(control.ControlError) as caught:
            control.start(home)

    assert str(caught.value) == (
        f"port {port} on 127.0.0.1 for router is taken by another program; "
        "choose another with --router-port"
    )
    assert control.status(home) is None


def test_a_killed_process_is_started_again_and_its_connections_wait(home):
    state = control.start(home)
    first = pid_of(home, "apiserver")

    kill(first)

    assert apiserver_answer(state) != str(first).encode()
    assert pid_of(home, "apiserver") != first


def test_a_new_supervisor_takes_over_from_a_killed_one(home):
    state = control.start(home)
    until(lambda: kubelet_answers(home), "the kubelet answers")
    before = {name: pid_of(home, name) for name in ("apiserver", "kubelet")}

    kill(state["supervisor"]["pid"])
    left = control.status(home)
    assert left is not None
    assert left["supervised"] is False
    assert apiserver_answer(state) == str(before["apiserver"]).encode()

    taken = control.start(home)

    assert taken["hostPorts"] == state["hostPorts"]
    assert apiserver_answer(state) != str(before["apiserver"]).encode()
    assert [pid for pid in before.values() if processes.identify(pid)] == []


def test_the_sockets_of_a_killed_supervisor_are_the_same_sockets(home):
    state = control.start(home)
    until(lambda: kubelet_answers(home), "the kubelet answers")
    port = state["hostPorts"][0]["hostPort"]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as waiting:
        kill(state["supervisor"]["pid"])
        control.start(home)
        _, fds = wire.ask(f"{state['runDir']}/supervisor.sock", {"op": "sockets"}, 5.0)
        listener = socket.socket(fileno=fds[0])
        for fd in fds[1:]:
            os.close(fd)
        with listener:
            listener.settimeout(5)
            served, _ = listener.accept()
            with served:
                served.sendall(b"late")
        assert waiting.recv(10) == b"late"


def test_everything_killed_at_once_comes_back(home):
    state = control.start(home)
    for pid in [p["pid"] for p in control.status(home)["processes"]]:
        kill(pid)
    assert control.status(home) is None

    again = control.start(home)

    assert again["phase"] == "running"
    assert apiserver_answer(again)
    assert again["supervisor"]["pid"] != state["supervisor"]["pid"]


def test_the_state_of_an_earlier_boot_is_only_dropped(home):
    (home / "state.json").write_text(
        json.dumps(
            {
                "bootId": "another",
                "processes": [{"name": "kubelet", "pid": os.getpid(), "startTime": 1}],
                "hostPorts": [],
            }
        )
    )
    assert control.status(home) is None

    assert control.start(home)["phase"] == "running"


def test_sigterm_stops_in_order(home):
    state = control.start(home)
    until(lambda: kubelet_answers(home), "the kubelet answers")
    identity = processes.Identity(**_identity(state))

    os.kill(identity.pid, signal.SIGTERM)

    assert processes.wait_exit(identity, 10.0)
    os.waitpid(identity.pid, 0)
    assert json.loads((home / "state.json").read_text())["phase"] == "stopped"
    assert "received SIGTERM" in (home / "logs" / "supervisor.log").read_text()


def _identity(state):
    return {
        "pid": state["supervisor"]["pid"],
        "start_time": state["supervisor"]["startTime"],
    }
