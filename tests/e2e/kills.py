"""What the kill tests share: who runs, steady traffic, and when all is well again."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import pathlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.e2e import platform as platforms

Process = dict[str, Any]

COLD_SOURCE = "def main():\n    return 'cold'\n"
WARM_SOURCE = "import os\ndef main():\n    return f'warm {os.environ[\"HOSTNAME\"]}'\n"
PLATFORM_SPAWNER = "sp-fission-bundle"
PYTHON_SPAWNER = "sp-python"


def processes(platform: platforms.Platform) -> list[Process]:
    """Everything that runs, as the platform itself tells it."""
    listed: list[Process] = platform.status()["processes"]
    return [process for process in listed if process["pid"]]


def find(platform: platforms.Platform, name: str) -> Process:
    """The one process with this name, or with a name that begins or ends with it.

    One that was killed before and is being started again is waited for.
    """
    (found,) = platforms.eventually(
        lambda: [process for process in processes(platform) if is_called(process, name)],
        lambda found: len(found) == 1,
    )
    return found


def is_called(process: Process, name: str) -> bool:
    full: str = process["name"]
    return full.startswith(name) or full.endswith(name)


def functions_pod(platform: platforms.Platform, function: str) -> str:
    """The name of the pod that serves a function."""
    lines = platform.fission("fn", "pods", "--name", function).stdout.splitlines()
    (row,) = lines[1:]
    return row.split()[0]


def kill(pid: int) -> None:
    """SIGKILL, and wait until the process is really gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    platforms.eventually(lambda: not is_alive(pid), seconds=5.0)


def kill_holder(pid: int) -> None:
    """SIGKILL of a spawner; over when what it held is gone, too: the kernel ends that."""
    held = descendants(pid)
    kill(pid)
    platforms.eventually(lambda: not any(map(is_alive, held)), seconds=5.0)


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def is_alive(pid: int) -> bool:
    """Whether any thread is left: a first thread that has ended may leave others with its files."""
    try:
        threads = list(pathlib.Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return False
    return any(_runs(thread) for thread in threads)


def _runs(thread: pathlib.Path) -> bool:
    try:
        stat = (thread / "stat").read_bytes()
    except OSError:
        return False
    return stat[stat.rindex(b")") + 2 :].split()[0] not in (b"Z", b"X")


def everything_of(home: pathlib.Path) -> list[int]:
    """The pids of a home's processes, by their environment or their command line."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                words = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                if str(home).encode() in words and is_alive(int(entry.name)):
                    found.append(int(entry.name))
    return found


def kill_everything(home: pathlib.Path) -> None:
    """End all of a home's processes at once, as a crash of the machine does."""
    while pids := everything_of(home):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def control_groups(platform: platforms.Platform, known: set[str] | None = None) -> set[str]:
    """The control groups of a platform's pods; of known ones, those that are still there."""
    if known is not None:
        return {path for path in known if os.path.exists(path)}
    uids = platform.kubectl("get", "pods", "-A", "-o", "jsonpath={.items[*].metadata.uid}").split()
    root = pathlib.Path("/sys/fs/cgroup")
    return {
        str(path) for path in root.glob("**/fission-*") if any(uid in path.name for uid in uids)
    }


@dataclass
class Call:
    """One call of the traffic."""

    began: float
    ended: float
    status: int = 0
    error: BaseException | None = None
    body: str = ""

    @property
    def good(self) -> bool:
        return self.status == 200


@dataclass
class Traffic:
    """Calls of one warm function, one after the other, on fresh connections, until told to end."""

    url: str
    callers: int = 2
    calls: list[Call] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[Traffic]:
        ending = threading.Event()

        def one() -> None:
            while not ending.is_set():
                self.calls.append(timed_call(self.url))
                platforms.pause()

        threads = [threading.Thread(target=one) for _ in range(self.callers)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            ending.set()
            for thread in threads:
                thread.join()

    def bad(self) -> list[Call]:
        return [call for call in self.calls if not call.good]

    def refused(self) -> list[Call]:
        return [call for call in self.calls if isinstance(call.error, ConnectionRefusedError)]

    def longest(self, after: float) -> float:
        """Return how long the slowest call since then took."""
        return max(
            (call.ended - call.began for call in self.calls if call.ended > after), default=0
        )


def timed_call(url: str) -> Call:
    began = time.monotonic()
    try:
        answer = platforms.call(url)
    except (OSError, http.client.HTTPException) as error:
        return Call(began, time.monotonic(), error=error)
    return Call(began, time.monotonic(), answer.status, body=answer.text)


@dataclass
class ColdFunctions:
    """Functions with routes, none of them ever called: each call is a cold start."""

    platform: platforms.Platform
    made: Iterator[int] = field(default_factory=itertools.count)
    names: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)

    def make(self, count: int) -> None:
        """Declare more of them at once, through the Kubernetes API."""
        names = [f"cold-{next(self.made)}" for _ in range(count)]
        items = [item for name in names for item in declared(name, COLD_SOURCE)]
        self.platform.kubectl("create", "-f", "-", stdin="\n".join(map(json.dumps, items)))
        self.names += names
        self.fresh += names
        # The router answers 404 until it has seen the route; these routes allow no PUT.
        for name in names:
            platforms.eventually(partial(self._put, name), lambda status: status == 405)

    def _put(self, name: str) -> int:
        return platforms.call(f"{self.platform.router}/{name}", "PUT").status

    def take(self) -> str:
        return self.fresh.pop()


def declared(name: str, source: str) -> list[dict[str, Any]]:
    """A package, a function and a route, as objects."""
    import base64

    meta = {"name": name, "namespace": "default"}
    literal = base64.b64encode(source.encode()).decode()
    environment = {"name": "python", "namespace": "default"}
    package = {
        "environment": environment,
        "deployment": {"type": "literal", "literal": literal},
    }
    function = {
        "environment": environment,
        "package": {"packageref": meta, "functionName": "main"},
        "InvokeStrategy": {
            "StrategyType": "execution",
            "ExecutionStrategy": {"ExecutorType": "poolmgr"},
        },
    }
    trigger = {
        "relativeurl": f"/{name}",
        "methods": ["GET"],
        "functionref": {"type": "name", "name": name},
    }
    return [
        {"apiVersion": "fission.io/v1", "kind": kind, "metadata": meta, "spec": spec}
        for kind, spec in (("Package", package), ("Function", function), ("HTTPTrigger", trigger))
    ]


@dataclass
class Well:
    """When each of the things that make a platform well was seen to be so, after a kill."""

    warm: float
    cold: float
    declared: float
    running: float

    @property
    def all(self) -> float:
        return max(self.warm, self.cold, self.declared, self.running)

    def __str__(self) -> str:
        return (
            f"well after {self.all:.2f} s (warm call {self.warm:.2f}, cold call {self.cold:.2f}, "
            f"fn list {self.declared:.2f}, everything runs {self.running:.2f})"
        )


def well_again(
    platform: platforms.Platform,
    cold: ColdFunctions,
    since: float,
    runs: Callable[[list[Process]], bool],
    deadline_seconds: float = 20.0,
) -> Well:
    """Wait until all is well; the four things are tried side by side."""
    fresh = cold.take()
    names = {*cold.names, "warm"}

    def seconds(what: str, attempt: Callable[[], Any]) -> float:
        try:
            platforms.eventually(attempt, seconds=deadline_seconds)
        except AssertionError as error:
            raise AssertionError(f"{what}: {error}") from error
        return time.monotonic() - since

    def call_warm() -> bool:
        return timed_call(f"{platform.router}/warm").good

    def call_cold() -> bool:
        return timed_call(f"{platform.router}/{fresh}").body == "cold"

    def everything_listed() -> bool:
        listed = platform.fission("fn", "list", check=False)
        return names <= {line.split()[0] for line in listed.stdout.splitlines() if line}

    with futures.ThreadPoolExecutor(4) as pool:
        running = pool.submit(seconds, "everything runs", lambda: runs(processes(platform)))
        warm = pool.submit(seconds, "warm call", call_warm)
        cold_one = pool.submit(seconds, f"cold call of {fresh}", call_cold)
        listed = pool.submit(seconds, "fn list", everything_listed)
        return Well(warm.result(), cold_one.result(), listed.result(), running.result())


def wildcard_listener(port: int) -> socket.socket:
    """A stranger: listens on every address, as a program that knows nothing of us does."""
    stranger = socket.socket()
    try:
        stranger.bind(("0.0.0.0", port))
        stranger.listen()
    except OSError:
        stranger.close()
        raise
    return stranger
