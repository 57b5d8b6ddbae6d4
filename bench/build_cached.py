"""Build of source that was built before: from the created Package to its status `succeeded`.

A platform of its own with a Python builder. Packages are created through the Kubernetes API, in
turn with the source that was built first and with one that differs by a number; both have two small
dependencies, whose downloads are in the cache. The changed source is the baseline: what a build
costs when it has to be done.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from typing import Any

import libbuild
import libplatform

ROUNDS = 12
TARGET_MILLISECONDS = 300.0


def run() -> dict[str, Any]:
    """Measure; returns rows of milliseconds and their ratio to the baseline."""
    with libplatform.running() as platform:
        libbuild.make_environment(platform)
        same, changed = asyncio.run(_measure(platform))
    baseline = statistics.median(changed)
    ours = statistics.median(same)
    return {
        "title": "repeated build of unchanged source",
        "rows": [
            _row("unchanged source", same, baseline),
            _row("baseline: changed source", changed, baseline),
        ],
        "ratio": round(ours / baseline, 3),
        "target_milliseconds": TARGET_MILLISECONDS,
        "load": round(os.getloadavg()[0], 1),
        "summary": f"p50 {ours:.0f} ms, {ours / baseline:.3f} of a build; at most 300 ms wanted",
    }


async def _measure(platform: libplatform.Platform) -> tuple[list[float], list[float]]:
    await libbuild.by_api(platform, "first", 0)
    same, changed = [], []
    for number in range(ROUNDS):
        same.append(await libbuild.by_api(platform, f"same-{number}", 0) * 1000)
        changed.append(await libbuild.by_api(platform, f"changed-{number}", number + 1) * 1000)
    return same, changed


def _row(name: str, taken: list[float], baseline: float) -> dict[str, Any]:
    ordered = sorted(taken)
    return {
        "name": name,
        "unit": "ms",
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(len(ordered) * 0.95)], 1),
        "ratio": round(statistics.median(ordered) / baseline, 3),
    }
