"""First call of a Python function that nobody has called yet, on a warm pool, through the router.

Starts a platform of its own, makes fresh functions with a route each, waits until the pool is full
again, and times the first call: router → executor → fetcher → runtime → answer. The baseline of
the same minute is what a platform without a pool would do: start the runtime as a fresh process,
load the same function, answer. Both are alternated, so that a busy machine slows both.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any

REPOSITORY = pathlib.Path(__file__).parents[1]
SOURCE = "def main():\n    return 'cold'\n"
ROUNDS = 40
POOL_SIZE = 3
DEADLINE_SECONDS = 60.0
PAUSE_SECONDS = 0.3
"""Between calls, so that the pool's replacement does not compete with what is measured."""


def run() -> dict[str, Any]:
    """Measure; returns rows of milliseconds and their ratio to the baseline."""
    with (
        tempfile.TemporaryDirectory(prefix="fission-bench-") as folder,
        _platform(pathlib.Path(folder) / "home") as platform,
    ):
        platform.make_environment()
        names = [platform.make_function(index) for index in range(ROUNDS)]
        cold, fresh = [], []
        for index, name in enumerate(names):
            platform.wait_pool()
            cold.append(platform.first_call(f"/{name}"))
            fresh.append(_fresh_process(pathlib.Path(folder) / f"pod{index}"))
    ours, baseline = statistics.median(cold), statistics.median(fresh)
    return {
        "rows": [
            _row("warm pool, through the router", cold, baseline),
            _row("baseline: a fresh runtime process", fresh, baseline),
        ],
        "ratio": round(ours / baseline, 3),
    }


def _row(name: str, taken: list[float], baseline: float) -> dict[str, Any]:
    ordered = sorted(taken)
    return {
        "name": name,
        "unit": "ms",
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 2),
        "p95": round(ordered[int(len(ordered) * 0.95)], 2),
        "ratio": round(statistics.median(ordered) / baseline, 3),
    }


class _Platform:
    def __init__(self, home: pathlib.Path) -> None:
        self._home = home
        self._env = {**os.environ, "FISSION_HOME": str(home)}
        self._code = home.parent / "cold.py"
        self._code.write_text(SOURCE)

    def fission(self, *words: str) -> str:
        command = [sys.executable, "-m", "fission.cli.main", *words]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"fission {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self) -> None:
        self.fission("up", "-d", "--ports", "auto")
        self._netloc = urllib.parse.urlsplit(
            json.loads(self.fission("status", "-o", "json"))["router"]
        ).netloc

    def stop(self) -> None:
        self.fission("down")

    def make_environment(self) -> None:
        image = ("--image", "fission/python-env", "--poolsize", str(POOL_SIZE))
        self.fission("env", "create", "--name", "python", *image)

    def make_function(self, index: int) -> str:
        name = f"cold-{index}"
        code = ("--code", str(self._code))
        self.fission("fn", "create", "--name", name, "--env", "python", *code)
        self.fission("route", "create", "--name", name, "--url", f"/{name}", "--function", name)
        return name

    def wait_pool(self) -> None:
        """Wait until the pool has all its pods, and the machine is quiet for a moment."""
        give_up = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < give_up:
            lines = self.fission("env", "pods", "--name", "python").splitlines()[1:]
            ready = [line for line in lines if _is_generic_and_ready(line.split())]
            if len(ready) >= POOL_SIZE:
                time.sleep(PAUSE_SECONDS)
                return
        raise SystemExit("the pool did not fill again")

    def first_call(self, path: str) -> float:
        """Return the milliseconds of the first call that the route took to the function."""
        give_up = time.monotonic() + DEADLINE_SECONDS
        connection = http.client.HTTPConnection(self._netloc, timeout=DEADLINE_SECONDS)
        with contextlib.closing(connection):
            while True:
                started = time.perf_counter()
                connection.request("GET", path)
                response = connection.getresponse()
                response.read()
                taken = (time.perf_counter() - started) * 1000
                if response.status == 200:
                    return taken
                if response.status != 404 or time.monotonic() > give_up:
                    raise SystemExit(f"{path} answered {response.status}")
                time.sleep(0.02)


def _is_generic_and_ready(cells: list[str]) -> bool:
    return "true" in cells[-2:] and "Running" in cells


@contextlib.contextmanager
def _platform(home: pathlib.Path) -> Iterator[_Platform]:
    platform = _Platform(home)
    platform.start()
    try:
        yield platform
    finally:
        platform.stop()


def _fresh_process(volume: pathlib.Path) -> float:
    """Start a runtime, load the function, call it once; returns milliseconds."""
    volume.mkdir()
    (volume / "deployarchive").write_text(SOURCE)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        number = listener.fileno()
        env = {
            **os.environ,
            "LISTEN_FDS": "1",
            "POD_VOLUME_PATHS": json.dumps({"/userfunc": str(volume)}),
            "PYTHONPATH": str(REPOSITORY / "environments" / "python"),
        }
        started = time.perf_counter()
        process = subprocess.Popen(
            [
                "bash",
                "-c",
                'exec 3<&"$0" "$@"',
                str(number),
                sys.executable,
                "-m",
                "fission_python",
            ],
            env=env,
            pass_fds=[number],
        )
    try:
        connection = http.client.HTTPConnection(*address, timeout=DEADLINE_SECONDS)
        with contextlib.closing(connection):
            load = {"filepath": "/userfunc/deployarchive", "functionName": "cold.main"}
            connection.request("POST", "/v2/specialize", json.dumps(load).encode())
            connection.getresponse().read()
            connection.request("GET", "/")
            connection.getresponse().read()
        return (time.perf_counter() - started) * 1000
    finally:
        process.terminate()
        process.wait()
