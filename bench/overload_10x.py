"""A saturated function gets ten times its peak rate: how much of the peak is still answered?

The function holds its pod for 20 ms and may have two pods of one request each, so its peak is known
and far below the machine's. First a few clients keep both pods just busy (closed loop): that is the
peak. Then an open loop sends ten times that rate, whatever comes back. Goodput is answers of 200
per second; besides those only 429 and 503 are allowed, and at once.
"""

from __future__ import annotations

import asyncio
import os
import urllib.parse
from typing import Any

import libdeclare
import libload
import libplatform

PODS = 2
HELD_MS = 20
CLIENTS = PODS * 2
"""Keep the pods busy, with one request in line for each."""
CALLERS = 16
"""Have all pods made beforehand: with fewer, the wait for one pod is bearable and stays."""
POOL_SIZE = 3
SECONDS = int(os.environ.get("BENCH_SECONDS", "8"))
SETTLE_SECONDS = 2.0
"""At the start of each load: what is measured is the state that lasts."""
TIMES = 10
TARGET_RATIO = 0.9
ALLOWED = (200, 429, 503)
SOURCE = f"import time\ndef main():\n    time.sleep({HELD_MS / 1000})\n    return 'busy'\n".encode()


def run() -> dict[str, Any]:
    """Measure; returns a row for the peak and one for the overload."""
    with libplatform.running() as platform:
        platform.make_environment(POOL_SIZE)
        netloc = urllib.parse.urlsplit(platform.status()["router"]).netloc
        asyncio.run(_declare(platform))
        asyncio.run(libload.wait_routes(netloc, ["/busy"]))
        platform.wait_pool(POOL_SIZE, 0.5)
        libload.first_call(netloc, "/busy", b"busy")
        asyncio.run(libload.closed(netloc, "/busy", CALLERS, SETTLE_SECONDS))
        peak_answers = asyncio.run(libload.closed(netloc, "/busy", CLIENTS, SECONDS))
        peak = _rate(peak_answers)
        over = asyncio.run(libload.opened(netloc, "/busy", peak * TIMES, SECONDS))
        after = asyncio.run(libload.closed(netloc, "/busy", CLIENTS, SECONDS / 2))
    rows = [
        _row(f"peak: {CLIENTS} clients", peak_answers, peak),
        _row(f"{TIMES} times the peak, open loop", over, peak),
        _row("afterwards", after, peak),
    ]
    others = sum(each.status not in ALLOWED for each in over)
    late = libload.percentile((each.late * 1000 for each in over), 0.99)
    return {
        "title": f"{TIMES} times overload",
        "rows": rows,
        "ratio": rows[1]["ratio"],
        "load": round(os.getloadavg()[0], 1),
        "statuses": libload.statuses(over),
        "generator_late_p99_ms": round(late, 1),
        "summary": f"goodput {rows[1]['ratio']} of the peak (target {TARGET_RATIO}),"
        f" {others} answers other than 200, 429, 503",
    }


def _steady(answers: list[libload.Answer]) -> list[libload.Answer]:
    """Without the beginning, and without what ended after the load did."""
    began = min(each.ended - each.seconds for each in answers)
    last = max(each.ended - each.seconds for each in answers)
    return [each for each in answers if began + SETTLE_SECONDS <= each.ended <= last]


def _rate(answers: list[libload.Answer]) -> float:
    """Good answers per second."""
    steady = _steady(answers)
    good = [each for each in steady if each.status == 200]
    if not good:
        return 0.0
    return len(good) / (max(e.ended for e in steady) - min(e.ended for e in steady))


def _row(name: str, answers: list[libload.Answer], peak: float) -> dict[str, Any]:
    steady = _steady(answers)
    good = libload.take(steady, lambda each: each.status == 200)
    refused = libload.take(steady, lambda each: each.status in (429, 503))
    goodput = _rate(answers)
    return {
        "name": name,
        "sent": len(answers),
        "200/s": round(goodput, 1),
        "429+503": len(refused),
        "other": sum(each.status not in ALLOWED for each in answers),
        "good p50 ms": round(libload.percentile(good, 0.5), 1),
        "refused p50 ms": round(libload.percentile(refused, 0.5), 1) if refused else None,
        "ratio": round(goodput / peak, 3),
    }


async def _declare(platform: libplatform.Platform) -> None:
    async with libdeclare.connected(platform.home) as client:
        function = libdeclare.function("busy", "busy", concurrency=PODS)
        await libdeclare.create_all(client, [libdeclare.package("busy", SOURCE)])
        await libdeclare.create_all(client, [function])
        await libdeclare.create_all(client, [libdeclare.route("busy")])
