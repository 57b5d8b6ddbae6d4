"""200 different functions first called within one second, and what that does to somebody else.

All share one environment with a pool of ten. The burst is an open loop: each call has its moment,
and its time counts from then. Fairness: a function of another environment with a warm pool of its
own is called cold, again and again, first alone and then while the burst runs; the ratio of the
two p95 is what one tenant's burst costs another.
"""

from __future__ import annotations

import asyncio
import os
import time
import urllib.parse
from typing import Any

import libdeclare
import libload
import libplatform

FUNCTIONS = 200
WITHIN_SECONDS = 1.0
POOL_SIZE = 10
OTHERS_POOL_SIZE = 5
OTHERS = 20
OTHERS_EVERY_SECONDS = 0.25
TARGET_RATIO = 2.0
SOURCE = b"def main():\n    return 'burst'\n"


def run() -> dict[str, Any]:
    """Measure; returns a row for the burst and two for the other function."""
    with libplatform.running() as platform:
        platform.make_environment(POOL_SIZE)
        platform.make_environment(OTHERS_POOL_SIZE, "other")
        netloc = urllib.parse.urlsplit(platform.status()["router"]).netloc
        paths = [f"/burst-{number}" for number in range(FUNCTIONS)]
        others = [[f"/{kind}-{n}" for n in range(OTHERS)] for kind in ("alone", "beside")]
        asyncio.run(_declare(platform, paths, [*others[0], *others[1]]))
        asyncio.run(libload.wait_routes(netloc, [*paths, *others[0], *others[1]]))
        _wait_pools(platform)
        alone = asyncio.run(_one_after_another(netloc, others[0]))
        _wait_pools(platform)
        burst, beside = asyncio.run(_both(netloc, paths, others[1]))
    p95 = [libload.percentile(libload.take(each, _any), 0.95) for each in (alone, beside)]
    rows = [
        _row(f"{FUNCTIONS} different functions in {WITHIN_SECONDS:.0f} s", burst, p95[0]),
        _row("another's cold start, alone", alone, p95[0]),
        _row("another's cold start, during the burst", beside, p95[0]),
    ]
    answered = sum(each.status == 200 for each in burst)
    return {
        "title": "a burst of first requests for different functions",
        "rows": rows,
        "ratio": rows[2]["ratio"],
        "load": round(os.getloadavg()[0], 1),
        "statuses": libload.statuses(burst),
        "summary": f"{answered} of {FUNCTIONS} answered in {max(e.seconds for e in burst):.1f} s;"
        f" another's p95 is {rows[2]['ratio']} of alone (target {TARGET_RATIO:.0f})",
    }


async def _both(
    netloc: str, paths: list[str], others: list[str]
) -> tuple[list[libload.Answer], list[libload.Answer]]:
    """The burst, and other cold starts for as long as it lasts."""
    running = asyncio.create_task(libload.burst(netloc, paths, WITHIN_SECONDS))
    beside = await _one_after_another(netloc, others, running)
    return await running, beside


async def _one_after_another(
    netloc: str, paths: list[str], during: asyncio.Task[Any] | None = None
) -> list[libload.Answer]:
    """First calls at even distances; those that begin after the end of `during` are left out."""
    answers = []
    for path in paths:
        if during is not None and during.done():
            break
        began = time.monotonic()
        answers += await libload.burst(netloc, [path])
        await asyncio.sleep(max(0.0, began + OTHERS_EVERY_SECONDS - time.monotonic()))
    return answers


def _wait_pools(platform: libplatform.Platform) -> None:
    platform.wait_pool(OTHERS_POOL_SIZE, 0.0, "other")
    platform.wait_pool(POOL_SIZE, 1.0)


async def _declare(platform: libplatform.Platform, burst: list[str], others: list[str]) -> None:
    async with libdeclare.connected(platform.home) as client:
        pairs = [(path[1:], "python") for path in burst] + [(path[1:], "other") for path in others]
        packages = [libdeclare.package(f"code-{e}", SOURCE, e) for e in ("python", "other")]
        await libdeclare.create_all(client, packages)
        functions = [libdeclare.function(name, f"code-{e}", e) for name, e in pairs]
        await libdeclare.create_all(client, functions)
        await libdeclare.create_all(client, [libdeclare.route(name) for name, _ in pairs])


def _any(answer: libload.Answer) -> bool:
    return True


def _row(name: str, answers: list[libload.Answer], baseline_p95: float) -> dict[str, Any]:
    taken = libload.take(answers, _any)
    p95 = libload.percentile(taken, 0.95)
    return {
        "name": name,
        "requests": len(answers),
        "answered": sum(each.status == 200 for each in answers),
        "p50 ms": round(libload.percentile(taken, 0.5), 1),
        "p95 ms": round(p95, 1),
        "longest ms": round(max(taken), 1),
        "ratio": round(p95 / baseline_p95, 2),
    }
