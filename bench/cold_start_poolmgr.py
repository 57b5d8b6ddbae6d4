"""First call of a Python function that nobody has called yet, on a warm pool, through the router.

Starts a platform of its own, makes fresh functions with a route each, waits until the pool is full
again, and times the first call by the client's clock, connecting included: router → executor →
fetcher → runtime → answer. The second call tells what of it any call costs. The baseline of
the same minute is what a platform without a pool would do: start the runtime as a fresh process,
load the same function, answer. All are alternated, so that a busy machine slows all of them.
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
from typing import Any

import libplatform

REPOSITORY = pathlib.Path(__file__).parents[1]
SOURCE = "def main():\n    return 'cold'\n"
ROUNDS = 40
POOL_SIZE = 3
DEADLINE_SECONDS = 60.0
PAUSE_SECONDS = 0.3
"""Between calls, so that the pool's replacement does not compete with what is measured."""


def run() -> dict[str, Any]:
    """Measure; returns rows of milliseconds and their ratio to the baseline."""
    with libplatform.running() as platform, tempfile.TemporaryDirectory() as folder:
        platform.make_environment(POOL_SIZE)
        names = _make_functions(platform)
        netloc = urllib.parse.urlsplit(platform.status()["router"]).netloc
        cold, warm, fresh = [], [], []
        for index, name in enumerate(names):
            platform.wait_pool(POOL_SIZE, PAUSE_SECONDS)
            first, second = _calls(netloc, f"/{name}")
            cold.append(first)
            warm.append(second)
            fresh.append(_fresh_process(pathlib.Path(folder) / f"pod{index}"))
    ours, baseline = statistics.median(cold), statistics.median(fresh)
    return {
        "title": "cold start, poolmgr",
        "rows": [
            _row("first call, warm pool, through the router", cold, baseline),
            _row("second call, for comparison", warm, baseline),
            _row("baseline: a fresh runtime process", fresh, baseline),
        ],
        "ratio": round(ours / baseline, 3),
        "load": round(os.getloadavg()[0], 1),
        "summary": f"first call p50 {ours:.1f} ms, {ours / baseline:.3f} of a fresh process",
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


def _make_functions(platform: libplatform.Platform) -> list[str]:
    code = platform.home.parent / "cold.py"
    code.write_text(SOURCE)
    names = [f"cold-{index}" for index in range(ROUNDS)]
    for name in names:
        platform.fission("fn", "create", "--name", name, "--env", "python", "--code", str(code))
        path = ("--url", f"/{name}")
        platform.fission("route", "create", "--name", name, *path, "--function", name)
    return names


def _calls(netloc: str, path: str) -> tuple[float, float]:
    """The milliseconds of the first call that reached the function, and of the second."""
    give_up = time.monotonic() + DEADLINE_SECONDS
    connection = http.client.HTTPConnection(netloc, timeout=DEADLINE_SECONDS)
    taken: list[float] = []
    with contextlib.closing(connection):
        while len(taken) < 2:
            started = time.perf_counter()
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            milliseconds = (time.perf_counter() - started) * 1000
            if (response.status, body) == (200, b"cold"):
                taken.append(milliseconds)
            elif response.status != 404 or time.monotonic() > give_up:
                raise RuntimeError(f"{path} answered {response.status}: {body!r}")
            else:
                time.sleep(0.02)  # the router has yet to see the route; no function was asked
    return taken[0], taken[1]


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
