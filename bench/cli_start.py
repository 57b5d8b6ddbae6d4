"""How long a command takes that is answered at once: what a person waits for at the prompt.

``fission --help`` imports no noun; ``fission fn list`` asks a running platform. The baseline of
the same minute is ``python -c pass``. All take turns, as the machine is never equally busy.
"""

from __future__ import annotations

import os
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import libplatform

ROUNDS = 40
HELP_TARGET_MS = 100
LIST_TARGET_MS = 150


def run() -> dict[str, Any]:
    """Measure; returns rows of milliseconds and their ratio to the baseline."""
    program = str(pathlib.Path(sys.executable).parent / "fission")
    commands = {
        "baseline: python -c pass": [sys.executable, "-c", "pass"],
        "fission --help": [program, "--help"],
        "fission fn list": [program, "fn", "list"],
        "fission fn create --help": [program, "fn", "create", "--help"],
    }
    with libplatform.running() as platform:
        env = {**os.environ, "FISSION_HOME": str(platform.home)}
        for name in ("KUBECONFIG", "FISSION_URL"):
            env.pop(name, None)
        taken = measure(commands, env)
    names = list(commands)
    baseline = statistics.median(taken[names[0]])
    rows = [_row(name, taken[name], baseline) for name in names]
    return {
        "title": "start of the command line",
        "rows": rows,
        "ratio": rows[2]["ratio"],
        "load": round(os.getloadavg()[0], 1),
        "summary": f"--help {rows[1]['median']:.0f} ms (target {HELP_TARGET_MS}), "
        f"fn list {rows[2]['median']:.0f} ms (target {LIST_TARGET_MS})",
    }


def measure(
    commands: dict[str, Sequence[str]], env: dict[str, str], rounds: int = ROUNDS
) -> dict[str, list[float]]:
    """Milliseconds of every run of every command; the first round only warms caches."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
            if number:
                taken[name].append(1000 * (time.perf_counter() - started))
    return taken


def _row(name: str, taken: list[float], baseline: float) -> dict[str, Any]:
    median = statistics.median(taken)
    return {
        "name": name,
        "unit": "ms",
        "count": len(taken),
        "fastest": round(min(taken), 1),
        "median": round(median, 1),
        "ratio": round(median / baseline, 2),
    }
