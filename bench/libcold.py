"""First call of a function that nobody has called yet, on a warm pool, through the router.

Not a scenario: shared by `cold_start_<environment>`. Starts a platform of its own, makes fresh
functions with a route each, waits until the pool is full again, and times the first call by the
client's clock, connecting included: router → executor → fetcher → runtime → answer. The second call
tells what of it any call costs. The baseline of the same minute is what a platform without a pool
would do: start the runtime as a fresh process, load the same function, answer. All are alternated,
so that a busy machine slows all of them.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import statistics
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import libplatform

REPOSITORY = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY))

from fission.cluster.kubelet import images  # noqa: E402
from tests.support import imageprocess  # noqa: E402

ROUNDS = 40
POOL_SIZE = 3
DEADLINE_SECONDS = 60.0
PAUSE_SECONDS = 0.3
"""Between calls, so that the pool's replacement does not compete with what is measured."""


@dataclass(frozen=True)
class Case:
    """What is started cold."""

    name: str
    """Of the environment."""
    image: str
    folder: str
    """Below `environments`, with the `image.json`."""
    entry_point: str
    answer: bytes
    make: Callable[[pathlib.Path], pathlib.Path]
    """Writes the package below a folder; returns the file or folder that is deployed."""
    make_environment: Sequence[str] = ()
    """Further words for `fission env create`."""
    rounds: int = ROUNDS
    missing: Callable[[], str | None] = lambda: None
    """Why this cannot be measured here, beside the image's own needs."""


def run(case: Case) -> dict[str, Any]:
    """Measure; returns rows of milliseconds and their ratio to the baseline."""
    image = imageprocess.load(REPOSITORY / "environments" / case.folder, pathlib.Path("/nowhere"))
    missing = images.missing_needs(image) or case.missing()
    if missing:
        return {"title": f"cold start, {case.name}", "rows": [], "skipped": missing}
    with libplatform.running() as platform, tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        image = imageprocess.prepare(REPOSITORY / "environments" / case.folder)
        code = case.make(folder)
        platform.make_environment(POOL_SIZE, case.name, case.image, *case.make_environment)
        names = _make_functions(platform, case, code)
        netloc = urllib.parse.urlsplit(platform.status()["router"]).netloc
        cold, warm, fresh = [], [], []
        for index, function in enumerate(names):
            platform.wait_pool(POOL_SIZE, PAUSE_SECONDS, case.name)
            first, second = calls(netloc, f"/{function}", case.answer)
            cold.append(first)
            warm.append(second)
            fresh.append(_fresh_process(case, image, code, folder / f"pod{index}"))
    return _result(case, cold, warm, fresh)


def _result(case: Case, cold: list[float], warm: list[float], fresh: list[float]) -> dict[str, Any]:
    ours, baseline = statistics.median(cold), statistics.median(fresh)
    return {
        "title": f"cold start, {case.name}",
        "rows": [
            row("first call, warm pool, through the router", cold, baseline),
            row("second call, for comparison", warm, baseline),
            row("baseline: a fresh runtime process", fresh, baseline),
        ],
        "ratio": round(ours / baseline, 3),
        "load": round(os.getloadavg()[0], 1),
        "summary": f"first call p50 {ours:.1f} ms, {ours / baseline:.3f} of a fresh process",
    }


def row(name: str, taken: list[float], baseline: float) -> dict[str, Any]:
    """One row of the table: milliseconds and the ratio of their median to the baseline."""
    ordered = sorted(taken)
    return {
        "name": name,
        "unit": "ms",
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 2),
        "p95": round(ordered[int(len(ordered) * 0.95)], 2),
        "ratio": round(statistics.median(ordered) / baseline, 3),
    }


def _make_functions(platform: libplatform.Platform, case: Case, code: pathlib.Path) -> list[str]:
    names = [f"cold-{index}" for index in range(case.rounds)]
    given = ("--deploy" if code.is_dir() else "--code", str(code), "--entrypoint", case.entry_point)
    for name in names:
        platform.fission("fn", "create", "--name", name, "--env", case.name, *given)
        path = ("--url", f"/{name}")
        platform.fission("route", "create", "--name", name, *path, "--function", name)
    return names


def calls(netloc: str, path: str, answer: bytes) -> tuple[float, float]:
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
            if (response.status, body) == (200, answer):
                taken.append(milliseconds)
            elif response.status != 404 or time.monotonic() > give_up:
                raise RuntimeError(f"{path} answered {response.status}: {body!r}")
            else:
                time.sleep(0.02)  # the router has yet to see the route; no function was asked
    return taken[0], taken[1]


def _fresh_process(
    case: Case, image: images.Image, code: pathlib.Path, volume: pathlib.Path
) -> float:
    """Start a runtime, load the function, call it once; returns milliseconds."""
    volume.mkdir()
    target = volume / "deployarchive"
    if code.is_dir():
        shutil.copytree(code, target)
    else:
        shutil.copy(code, target)
    log = (volume / "log").open("wb")
    with socket.create_server(("127.0.0.1", 0)) as listener, log:
        address = listener.getsockname()
        started = time.perf_counter()
        process = imageprocess.start(image, [listener], {"/userfunc": volume}, log)
    try:
        connection = http.client.HTTPConnection(*address, timeout=DEADLINE_SECONDS)
        with contextlib.closing(connection):
            load = {"filepath": "/userfunc/deployarchive", "functionName": case.entry_point}
            connection.request("POST", "/v2/specialize", json.dumps(load).encode())
            connection.getresponse().read()
            connection.request("GET", "/")
            body = connection.getresponse().read()
        if body != case.answer:
            raise RuntimeError(f"a fresh process answered {body!r}: {(volume / 'log').read_text()}")
        return (time.perf_counter() - started) * 1000
    finally:
        process.terminate()
        process.wait()
