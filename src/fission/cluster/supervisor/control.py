"""What the command line and the composition root do with a supervisor: ask, start, stop.

Standard library only, so that `fission status` works when nothing else does.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from fission.cluster.supervisor import home as homes
from fission.cluster.supervisor import processes, wire

if TYPE_CHECKING:
    from pathlib import Path

EXIT_ALREADY_RUNNING = 3


class ControlError(Exception):
    """The supervisor could not be started or stopped; the message is for a person."""


def status(home: Path, timeout_seconds: float = 2.0) -> dict[str, Any] | None:
    """What runs in the home; None when nothing does.

    `supervised` is false where the supervisor is gone and the processes of its state file still
    run. `kubelet` holds the kubelet's own answer (pods, isolation) where it gives one.
    """
    place = homes.Home(home)
    if not place.root.is_dir():
        return None
    run = place.run_dir()
    try:
        answer, _ = wire.ask(str(run / "supervisor.sock"), {"op": "status"}, timeout_seconds)
        answer["supervised"] = True
    except (OSError, wire.WireError):
        answer = place.read_state()
        if answer.get("bootId") != processes.boot_id():
            return None
        alive = []
        for entry in answer.get("processes", []):
            if not entry.get("pid") or not entry.get("startTime"):
                continue
            if processes.is_alive(processes.Identity(entry["pid"], entry["startTime"])):
                alive.append(entry)
        if not alive:
            return None
        answer = {**answer, "processes": alive, "supervised": False}
    answer["kubelet"] = _kubelet_status(run, timeout_seconds)
    return answer


def _kubelet_status(run: Path, timeout_seconds: float) -> dict[str, Any] | None:
    try:
        return wire.ask(str(run / "kubelet.sock"), {"op": "status"}, timeout_seconds)[0]
    except (OSError, wire.WireError):
        return None


def start(
    home: Path, timeout_seconds: float = 30.0, python: str = sys.executable
) -> dict[str, Any]:
    """Start a supervisor in the background; returns its status once it runs.

    The caller waits for the API and the platform itself. Raises ControlError with the
    supervisor's own words, also when one is already running.
    """
    place = homes.Home(home)
    place.prepare()
    command = [python, "-m", "fission.cluster.supervisor", "--home", str(place.root)]
    errors = place.logs / "supervisor-start.log"
    with open(errors, "wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
        )
    deadline = time.monotonic() + timeout_seconds
    pause = 0.005
    while time.monotonic() < deadline:
        code = process.poll()
        if code is not None:
            text = errors.read_text(errors="replace").strip().removeprefix("error: ")
            raise ControlError(text or f"the supervisor ended with exit code {code}")
        found = _own_status(place, process.pid)
        if found is not None and found.get("phase") == "running":
            # It outlives us on purpose: without this mark its object would warn when collected.
            process.returncode = 0
            return found
        time.sleep(pause)
        pause = min(0.1, pause * 2)
    raise ControlError(
        f"the supervisor (pid {process.pid}) is not running after {timeout_seconds:g} s; "
        f"see {place.logs / 'supervisor.log'}"
    )


def _own_status(place: homes.Home, pid: int) -> dict[str, Any] | None:
    path = place.run_dir() / "supervisor.sock"
    try:
        answer, _ = wire.ask(str(path), {"op": "status"}, 1.0)
    except (OSError, wire.WireError):
        return None
    return answer if answer.get("supervisor", {}).get("pid") == pid else None


def stop(home: Path, timeout_seconds: float = 60.0) -> bool:
    """Stop what runs in the home and wait for it; False when nothing ran.

    Where the supervisor was killed, one is started to take over, and that one is stopped: only
    it knows how to end everything that is left.
    """
    place = homes.Home(home)
    found = status(home)
    if found is None:
        return False
    if not found["supervised"]:
        start(home, timeout_seconds)
        found = status(home) or found
    who = found["supervisor"]
    identity = processes.Identity(int(who["pid"]), int(who["startTime"]))
    try:
        wire.ask(str(place.run_dir() / "supervisor.sock"), {"op": "stop"}, 10.0)
    except (OSError, wire.WireError) as error:
        if processes.is_alive(identity):
            raise ControlError(f"the supervisor (pid {identity.pid}) does not answer") from error
    if not processes.wait_exit(identity, timeout_seconds):
        raise ControlError(
            f"the supervisor (pid {identity.pid}) is still stopping after {timeout_seconds:g} s"
        )
    _reap_if_own_child(identity.pid)
    return True


def _reap_if_own_child(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
