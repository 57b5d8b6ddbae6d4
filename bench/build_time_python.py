"""Build of a Python source with two small dependencies, from a warm download cache.

A platform of its own; `fission pkg create --src --follow` from the command's start to its end:
upload, fetch, install, byte-code, storing the archive, the Package's status. The sources differ, so
that each is built. The baseline of the same minute is what one would type by hand: `pip install -t`
with pip's own warm cache, and the copy. Both ask the package index, as builds do.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import libbuild
import libplatform

ROUNDS = 8
TARGET_SECONDS = 3.0


def run() -> dict[str, Any]:
    """Measure; returns rows of seconds and their ratio to the baseline."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        problem = _by_hand(folder / "warm")  # fills pip's cache
        if problem:
            return {"title": "build of Python", "rows": [], "skipped": problem}
        with libplatform.running() as platform:
            libbuild.make_environment(platform)
            libbuild.by_command(platform, "warm", libbuild.write(folder / "w", -1))
            whole, inside, by_hand = [], [], []
            for number in range(ROUNDS):
                source = libbuild.write(folder / f"s{number}", number)
                seconds, said = _timed(
                    lambda n=number, s=source: libbuild.by_command(platform, f"p{n}", s)
                )
                whole.append(seconds)
                inside.append(_reported(said))
                by_hand.append(_timed(lambda n=number: _by_hand(folder / f"h{n}"))[0])
    baseline = statistics.median(by_hand)
    ours = statistics.median(whole)
    return {
        "title": "build of Python, two small dependencies, warm cache",
        "rows": [
            _row("fission pkg create --src --follow", whole, baseline),
            _row("of that the build command", inside, baseline),
            _row("baseline: pip install -t by hand, and a copy", by_hand, baseline),
        ],
        "ratio": round(ours / baseline, 2),
        "target_seconds": TARGET_SECONDS,
        "load": round(os.getloadavg()[0], 1),
        "summary": f"p50 {ours:.2f} s, {ours / baseline:.2f} of pip by hand; at most 3 s wanted",
    }


def _by_hand(folder: pathlib.Path) -> str:
    """What a person types; returns why it cannot be done here, or nothing."""
    source = libbuild.write(folder / "source", 0)
    cache = folder.parent / "pip-cache"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--cache-dir", str(cache))
    what = ("--requirement", str(source / "requirements.txt"), "--target", str(source))
    done = subprocess.run([*pip, *what], capture_output=True, text=True)
    if done.returncode:
        return f"pip install does not work here: {done.stderr.strip()[-300:]}"
    shutil.copytree(source, folder / "deploy")
    return ""


def _reported(said: str) -> float:
    """The seconds that the build command's own last line tells."""
    found = re.findall(r"build: done in ([\d.]+) s", said)
    if not found:
        raise RuntimeError(f"no build was shown: {said}")
    return float(found[-1])


def _timed(action: Callable[[], str]) -> tuple[float, str]:
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


def _row(name: str, taken: list[float], baseline: float) -> dict[str, Any]:
    ordered = sorted(taken)
    return {
        "name": name,
        "unit": "s",
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 3),
        "max": round(ordered[-1], 3),
        "ratio": round(statistics.median(ordered) / baseline, 2),
    }
