"""50 first requests at once for one function: `requestsPerPod` 1, a pool of three warm pods.

Twice in the same platform: a function that answers at once, and one that holds its pod for 200 ms.
All connections exist beforehand; time is the client's, from the common start to the whole answer.
The baseline is the first call of another function alone on the full pool. A pod that is not there
has to be forked, so the burst shows how fast pods are made, or given on once they are free.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
import urllib.parse
from typing import Any

import libdeclare
import libload
import libplatform

REQUESTS = 50
POOL_SIZE = 3
ROUNDS = 3
PAUSE_SECONDS = 0.5
TARGET_MS = 1000.0
SOURCES = {
    "fast": b"def main():\n    return 'burst'\n",
    "200 ms": b"import time\ndef main():\n    time.sleep(0.2)\n    return 'burst'\n",
}


def run() -> dict[str, Any]:
    """Measure; returns a row per kind of function and one of the baseline."""
    with libplatform.running() as platform:
        platform.make_environment(POOL_SIZE)
        netloc = urllib.parse.urlsplit(platform.status()["router"]).netloc
        kinds = {kind: kind.split(" ")[0] for kind in SOURCES}
        names = [f"{short}-{n}" for short in kinds.values() for n in range(ROUNDS)]
        alone = [f"alone-{n}" for n in range(ROUNDS)]
        asyncio.run(_declare(platform, kinds, alone))
        asyncio.run(libload.wait_routes(netloc, [f"/{name}" for name in [*names, *alone]]))
        found: dict[str, list[list[libload.Answer]]] = {kind: [] for kind in SOURCES}
        single: list[float] = []
        for number in range(ROUNDS):
            platform.wait_pool(POOL_SIZE, PAUSE_SECONDS)
            single.append(libload.first_call(netloc, f"/alone-{number}", b"burst"))
            for kind, short in kinds.items():
                platform.wait_pool(POOL_SIZE, PAUSE_SECONDS)
                paths = [f"/{short}-{number}"] * REQUESTS
                found[kind].append(asyncio.run(libload.burst(netloc, paths)))
                time.sleep(PAUSE_SECONDS)
    baseline = statistics.median(single)
    rows = [_row(f"{REQUESTS} at once, {kind}", found[kind], baseline) for kind in SOURCES]
    worst = max(float(row["p99 ms"]) for row in rows)
    answered = all(row["answered"] == row["requests"] for row in rows)
    alone_row = {"name": "baseline: one first call", "requests": ROUNDS, "answered": ROUNDS}
    rows.append({**alone_row, "p50 ms": baseline, "p99 ms": max(single), "ratio": 1.0})
    return {
        "title": "a burst of first requests for one function",
        "rows": rows,
        "ratio": round(worst / baseline, 1),
        "load": round(os.getloadavg()[0], 1),
        "statuses": {
            k: libload.statuses(a for r in rounds for a in r) for k, rounds in found.items()
        },
        "summary": f"{'all' if answered else 'NOT all'} answered, p99 {worst:.0f} ms"
        f" (target {TARGET_MS:.0f} ms)",
    }


async def _declare(platform: libplatform.Platform, kinds: dict[str, str], alone: list[str]) -> None:
    async with libdeclare.connected(platform.home) as client:
        pairs = [(f"{short}-{n}", short) for short in kinds.values() for n in range(ROUNDS)]
        pairs += [(name, "fast") for name in alone]
        packages = [libdeclare.package(kinds[kind], SOURCES[kind]) for kind in kinds]
        await libdeclare.create_all(client, packages)
        await libdeclare.create_all(client, [libdeclare.function(*pair) for pair in pairs])
        await libdeclare.create_all(client, [libdeclare.route(name) for name, _ in pairs])


def _row(name: str, rounds: list[list[libload.Answer]], baseline: float) -> dict[str, Any]:
    """Medians over the rounds of each round's percentiles."""
    times = [libload.take(each, lambda answer: True) for each in rounds]
    middle = statistics.median(libload.percentile(each, 0.5) for each in times)
    return {
        "name": name,
        "requests": sum(map(len, rounds)),
        "answered": sum(answer.status == 200 for each in rounds for answer in each),
        "p50 ms": round(middle, 1),
        "p99 ms": round(statistics.median(libload.percentile(each, 0.99) for each in times), 1),
        "ratio": round(middle / baseline, 1),
    }
