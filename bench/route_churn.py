"""How soon a change of a route is seen, with 10 and with 10,000 routes, and what it does to others.

A whole platform; the routes lead to one function. A trigger is created, moved to another path and
deleted again and again; each time the clock runs from the API server's answer until the router acts
on it. Meanwhile another client calls a warm route without pause: its slowest answers, and whether
any failed, tell whether changes disturb requests. `burst_s` is the time until all routes are
served, counted from the first of them being declared; `own_mb` what the router alone has in RAM
afterwards.
"""

from __future__ import annotations

import asyncio
import os
import time
import urllib.parse
from typing import Any

import libdeclare
import libmemory
import libplatform
from fission.api import resources
from fission_http import client as http_client

ROUTES = int(os.environ.get("BENCH_ROUTES", "10000"))
CHANGES = int(os.environ.get("BENCH_CHANGES", "30"))
POOL_SIZE = 1
PAUSE_SECONDS = 0.001
DEADLINE_SECONDS = 120.0
TARGET_MS = 200.0
SOURCE = b"def main():\n    return 'here'\n"


def run() -> dict[str, Any]:
    """Measure with few routes, then with many."""
    with libplatform.running() as platform:
        platform.make_environment(POOL_SIZE)
        platform.wait_pool(POOL_SIZE, 1.0)
        router = str(platform.status()["router"])
        rows = asyncio.run(_measure(platform, router))
    worst = max(row["p99_ms"] for row in rows)
    return {
        "title": f"Changes of routes, with up to {ROUTES}",
        "rows": rows,
        "load": round(os.getloadavg()[0], 1),
        "summary": f"seen after {worst:.0f} ms at most (p99; target {TARGET_MS:.0f})",
    }


async def _measure(platform: libplatform.Platform, router: str) -> list[dict[str, Any]]:
    rows = []
    (pid,) = [each["pid"] for each in platform.status()["processes"] if "router-" in each["name"]]
    async with libdeclare.connected(platform.home) as api, http_client.Client() as caller:
        package = libdeclare.package("churn", SOURCE)
        function = libdeclare.function("churn", "churn", requestsPerPod=50)
        await libdeclare.create_all(api, [package, function])
        await libdeclare.create_all(api, [_route("warm", "/warm")])
        await _until(caller, f"{router}/warm", 200)
        known = 1
        for count in (10, ROUTES):
            begun = time.perf_counter()
            more = [_route(f"r{n}", f"/many/{n}") for n in range(known, count)]
            await libdeclare.create_all(api, more)
            declared = time.perf_counter() - begun
            for route in more[-16:]:
                await _until(caller, router + route["spec"]["relativeurl"], 200)
            burst = time.perf_counter() - begun
            known = count
            row = await _churn(api, caller, router)
            kept = {"own_mb": libmemory.row("router", pid)["private MB"]}
            rows.append({"routes": count, "declared_s": declared, "burst_s": burst, **row, **kept})
    return rows


async def _churn(api: Any, caller: http_client.Client, router: str) -> dict[str, Any]:
    seen: list[float] = []
    calls: list[float] = []
    failed = 0
    ended = asyncio.Event()

    async def call_on() -> None:
        nonlocal failed
        while not ended.is_set():
            begun = time.perf_counter()
            failed += await _status(caller, f"{router}/warm") != 200
            calls.append(time.perf_counter() - begun)
            await asyncio.sleep(PAUSE_SECONDS)

    beside = asyncio.create_task(call_on())
    for number in range(CHANGES):
        path = f"/churn/{number}"
        await api.create(resources.HTTPTRIGGERS, _route("moving", path))
        seen.append(await _until(caller, router + path, 200))
        patch = {"spec": {"relativeurl": f"{path}/moved"}}
        await api.patch(resources.HTTPTRIGGERS, "moving", patch, libdeclare.NAMESPACE)
        seen.append(await _until(caller, f"{router}{path}/moved", 200))
        await api.delete(resources.HTTPTRIGGERS, "moving", libdeclare.NAMESPACE)
        seen.append(await _until(caller, f"{router}{path}/moved", 404))
    ended.set()
    await beside
    return {
        "p50_ms": _quantile(seen, 0.5),
        "p99_ms": _quantile(seen, 0.99),
        "calls": len(calls),
        "failed": failed,
        "call_p50_ms": _quantile(calls, 0.5),
        "call_p99_ms": _quantile(calls, 0.99),
    }


async def _until(caller: http_client.Client, url: str, status: int) -> float:
    """Seconds until the router answers so."""
    begun = time.perf_counter()
    while await _status(caller, url) != status:
        if time.perf_counter() - begun > DEADLINE_SECONDS:
            raise RuntimeError(f"{urllib.parse.urlsplit(url).path} never answered {status}")
        await asyncio.sleep(PAUSE_SECONDS)
    return time.perf_counter() - begun


async def _status(caller: http_client.Client, url: str) -> int:
    answer = await caller.request("GET", url, timeout_seconds=60)
    await answer.read()
    return answer.status


def _route(name: str, path: str) -> dict[str, Any]:
    route = libdeclare.route("churn")
    route["metadata"]["name"] = name
    route["spec"]["relativeurl"] = path
    return route


def _quantile(values: list[float], share: float) -> float:
    """In milliseconds."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)] * 1000
