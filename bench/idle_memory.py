"""Memory of an idle platform with a pool of three Python pods, process by process.

Proportional set size (PSS): what processes share is divided among them, so the sum is what the
machine would get back. The baseline is a bare Python process that has imported nothing.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import libmemory
import libplatform

POOL_SIZE = 3
SETTLE_SECONDS = 5.0
"""After the pool is full: until start-up's garbage is collected and probes have run."""
TARGET_MB = 350


def run() -> dict[str, Any]:
    """Measure; returns a row per process in megabytes, the sum last but one."""
    with libplatform.running() as platform:
        platform.make_environment(POOL_SIZE)
        platform.wait_pool(POOL_SIZE, SETTLE_SECONDS)
        processes = platform.status()["processes"]
        own = {p["pid"]: f"{p['role']} {_short(p['name'])}" for p in processes if p["pid"]}
        rows = sorted(
            (libmemory.row(name, pid) for pid, name in libmemory.with_children(own).items()),
            key=lambda row: -row["PSS MB"],
        )
    total = {key: _sum(rows, key) for key in ("PSS MB", "private MB")}
    bare = _bare_python()
    return {
        "title": "idle memory",
        "rows": [*rows, {"name": "all", **total}, {**bare, "name": "baseline: bare python"}],
        "ratio": round(total["PSS MB"] / bare["PSS MB"], 1),
        "summary": f"{total['PSS MB']:.0f} MB PSS in {len(rows)} processes (target {TARGET_MB} MB)",
    }


def _bare_python() -> dict[str, Any]:
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.1)
        row = libmemory.row("", process.pid)
        process.communicate()
    return row


def _sum(rows: list[dict[str, Any]], key: str) -> float:
    return round(sum(row[key] for row in rows), 1)


def _short(name: str) -> str:
    """`namespace/pod/container` without the pod's suffixes."""
    return name.rsplit("/", 1)[-1] if name.startswith("fission/") else name
