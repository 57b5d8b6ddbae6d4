"""How long `fission up -d` takes, from the command's start to a platform that is ready.

Twice per round: in a fresh home, where the platform is installed, and in a home that was stopped
with a pool of three declared. The baseline of the same minute is what one of the platform's
processes needs to import its code; a start makes some ten processes on however many cores.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import libplatform

ROUNDS = 5
POOL_SIZE = 3
TARGET_SECONDS = 5.0
BASELINE = "import fission.cluster.apiserver.app"


def run() -> dict[str, Any]:
    """Measure; returns rows of seconds and their ratio to the baseline."""
    taken: dict[str, list[float]] = {"fresh home": [], "stopped home": [], "baseline": []}
    with libplatform.home() as kept:
        kept.up()
        kept.make_environment(POOL_SIZE)
        kept.wait_pool(POOL_SIZE, 0.0)
        kept.down()
        for _ in range(ROUNDS):
            taken["baseline"].append(_timed(_import))
            with libplatform.home() as fresh:
                taken["fresh home"].append(_timed(fresh.up))
            taken["stopped home"].append(_timed(kept.up))
            kept.down()
    baseline = statistics.median(taken["baseline"])
    worst = max(statistics.median(taken["fresh home"]), statistics.median(taken["stopped home"]))
    names = {
        "fresh home": "up -d, fresh home",
        "stopped home": f"up -d, stopped home with a pool of {POOL_SIZE}",
        "baseline": f"baseline: python -c '{BASELINE}'",
    }
    return {
        "title": "start of the platform",
        "rows": [_row(names[name], values, baseline) for name, values in taken.items()],
        "ratio": round(worst / baseline, 2),
        "load": round(os.getloadavg()[0], 1),
        "summary": f"ready after {worst:.1f} s (target {TARGET_SECONDS:.0f} s)",
    }


def _row(name: str, taken: list[float], baseline: float) -> dict[str, Any]:
    median = statistics.median(taken)
    return {
        "name": name,
        "unit": "s",
        "count": len(taken),
        "median": round(median, 2),
        "longest": round(max(taken), 2),
        "ratio": round(median / baseline, 2),
    }


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _import() -> None:
    subprocess.run([sys.executable, "-c", BASELINE], check=True)
