"""SIGKILL in the middle of a build: it ends well, and who calls the function notices nothing.

Each build stands at a gate until its victim is dead, so that what comes after (the artifact, its
upload, the new version's roll-out) meets what is being started again.
"""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import pathlib
import socket
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.e2e import accounts, kills
from tests.e2e import platform as platforms

MAIN = "def main():\n    return 'version {number}'\n"
SCRIPT = """#!/bin/sh
echo begun
setsid sleep 600.{port} >/dev/null 2>&1 &
python3 -c "import socket; socket.create_connection(('127.0.0.1', {port})).recv(1)"
echo passed
cp -r $SRC_PKG $DEPLOY_PKG
"""
TARGETS = {
    "storagesvc": "/storagesvc",
    "fetcher": "fetcher",
    "apiserver": "apiserver",
    "kubelet": "kubelet",
    "builder": "/builder",
    "builder-spawner": "sp-python-builder",
    "buildermgr": "/buildermgr",
    "supervisor": "supervisor",
}
BUILDS_AGAIN = {"builder", "builder-spawner", "buildermgr"}
"""Targets whose death ends the build; of the others' it is not to notice anything."""
PACKAGE = "steady"
AGAIN = "the build runs again"
VERSIONS = itertools.count(1)


class Gate:
    """Where builds wait; once open, it lets everyone through."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._waiting: list[socket.socket] = []
        self._is_open = False
        self.port: int = listening.getsockname()[1]
        self.arrived = 0
        self._changed = threading.Condition()

    def serve(self) -> None:
        """Take builds in until the socket is closed."""
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with self._changed:
                    self.arrived += 1
                    self._waiting.append(connection)
                    if self._is_open:
                        self._release()
                    self._changed.notify_all()

    def wait(self) -> None:
        """Until a build stands here."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._waiting, platforms.DEADLINE_SECONDS)

    def open(self) -> None:
        with self._changed:
            self._is_open = True
            self._release()

    def _release(self) -> None:
        for connection in self._waiting:
            connection.close()
        self._waiting.clear()


@contextmanager
def gate() -> Iterator[Gate]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        made = Gate(listening)
        serving = threading.Thread(target=made.serve)
        serving.start()
        try:
            yield made
        finally:
            made.open()
            listening.shutdown(socket.SHUT_RDWR)
            serving.join()


def source(number: int, port: int) -> dict[str, Any]:
    """A package's source archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("main.py", MAIN.format(number=number))
        archive.writestr("build.sh", SCRIPT.format(port=port))
    return {"type": "literal", "literal": base64.b64encode(packed.getvalue()).decode()}


class Steady:
    """A function whose source changes under steady calls."""

    def __init__(self, platform: platforms.Platform) -> None:
        self.platform = platform
        self.traffic = kills.Traffic(f"{platform.router}/{PACKAGE}")

    def change(self, number: int, port: int) -> None:
        patch = {"spec": {"source": source(number, port)}}
        self.platform.kubectl(
            *("patch", "package", PACKAGE, "--type", "merge", "-p", json.dumps(patch))
        )

    def package(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(
            self.platform.kubectl("get", "package", PACKAGE, "-o", "json", check=False) or "{}"
        )
        return read

    def log(self) -> str:
        return str(self.package().get("status", {}).get("buildlog", ""))

    def built(self) -> dict[str, Any]:
        """The package, when its build has ended."""
        found: dict[str, Any] = platforms.eventually(
            self.package,
            lambda package: (
                bool(package) and package["status"]["buildstatus"] in ("succeeded", "failed")
            ),
        )
        return found


@pytest.fixture(scope="module")
def steady() -> Iterator[Steady]:
    """A function that was built once, on a platform to be killed at."""
    platform = platforms.Platform(accounts.everyone()[0])
    try:
        platform.up()
        platform.fission(
            *("env", "create", "--name", "built", "--image", "fission/python-env"),
            *("--poolsize", "1", "--builder", "fission/python-builder"),
        )
        made = Steady(platform)
        with gate() as passing:
            passing.open()
            declare(platform, passing.port)
            assert made.built()["status"]["buildstatus"] == "succeeded"
        platform.wait_call(f"/{PACKAGE}")
    except BaseException:
        print(platform.log_tail())
        platform.down()
        raise
    yield made
    platforms.ended(platform)


def declare(platform: platforms.Platform, port: int) -> None:
    objects = kills.declared(PACKAGE, "")
    for one in objects:
        if one["kind"] != "HTTPTrigger":
            one["spec"]["environment"]["name"] = "built"
    package, function, _ = objects
    package["spec"] |= {"source": source(0, port), "buildcmd": "./build.sh"}
    del package["spec"]["deployment"]
    function["spec"]["package"]["functionName"] = "main.main"
    platform.kubectl("create", "-f", "-", stdin="\n".join(map(json.dumps, objects)))


def running(platform: platforms.Platform, name: str) -> int:
    """The process to kill, when it runs and is known to."""
    found = platforms.eventually(
        lambda: [one for one in kills.processes(platform) if kills.is_called(one, name)],
        lambda named: len(named) == 1,
    )
    return int(found[0]["pid"])


def new_strays(port: int) -> list[str]:
    """Command lines of what a build at this gate has left running."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes()
            if entry.name.isdigit() and str(port).encode() in words:
                found.append(words.decode().replace("\0", " "))
    return found


def stored_sum(platform: platforms.Platform, package: dict[str, Any]) -> str:
    """The SHA-256 of the package's deployment archive, as it lies in the store."""
    name = package["spec"]["deployment"]["url"].rpartition("%2F")[2]
    found = (platform.home / "volumes" / "pvc" / "fission").rglob(name)
    (path,) = (path for path in found if path.parent.name != ".sums")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.usefixtures("kubectl")
@pytest.mark.parametrize("target", TARGETS)
def test_a_build_ends_well_whoever_is_killed_in_the_middle(steady: Steady, target: str) -> None:
    platform, number = steady.platform, next(VERSIONS)
    new = f"version {number}"
    victim = running(platform, TARGETS[target])
    since = len(steady.traffic.calls)
    with steady.traffic.running():
        with gate() as here:
            steady.change(number, here.port)
            here.wait()
            platforms.eventually(lambda: "begun" in steady.log())
            (kills.kill_holder if target.endswith("spawner") else kills.kill)(victim)
            here.open()
            if target == "supervisor":
                platform.up()
            package = steady.built()
            attempts = here.arrived
        platforms.eventually(lambda: steady.traffic.calls[-1].body == new)
    calls = steady.traffic.calls[since:]
    log = package["status"]["buildlog"]

    assert package["status"]["buildstatus"] == "succeeded", log
    assert [call for call in calls if not call.good] == []
    assert {call.body for call in calls} == {f"version {number - 1}", new}
    assert attempts == (2 if target in BUILDS_AGAIN else 1), log
    assert log.count("begun\n") == attempts
    assert log.count("passed\n") == 1
    assert log.count(AGAIN) == attempts - 1
    assert log.endswith("passed\n")
    sum_ = package["spec"]["deployment"]["checksum"]["sum"]
    assert stored_sum(platform, package) == sum_
    assert platforms.eventually(lambda: not new_strays(here.port))
    assert platforms.eventually(lambda: leftovers(platform) == [])


def leftovers(platform: platforms.Platform) -> list[str]:
    """What builds have left in the directories of builders, and unfinished in the store."""
    found = [*platform.home.glob("pods/*/volumes/packages/*")]
    found += platform.home.glob("volumes/pvc/fission/*/**/.uploads/*")
    return [str(path) for path in found if path.name != ".fission-builder"]
