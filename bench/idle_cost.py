"""What 10,000 registered functions that nobody calls cost: memory, processes, CPU, start times.

Memory is the growth of what a process alone has in RAM (USS) from before the functions were
declared until all of them have their conditions and the platform is quiet. Then executor and
router are replaced one after the other, and one of the functions is called for the first time.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import signal
import time
import urllib.parse
from typing import Any

import libdeclare
import libload
import libmemory
import libplatform
from fission.kube import client as kube_client
from fission.meta import gvk

FUNCTIONS = int(os.environ.get("BENCH_FUNCTIONS", "10000"))
POOL_SIZE = 1
PLATFORM_NAMESPACE = "fission"
QUIET_SECONDS = 2.0
DEADLINE_SECONDS = 240.0
TARGET_KB = 5.0
MEASURED = ("executor", "router")
SHOWN = ("apiserver", "executor", "router", "buildermgr", "controller", "storagesvc", "kubelet")
SOURCE = b"def main():\n    return 'idle'\n"
TICKS = os.sysconf("SC_CLK_TCK")

Sizes = dict[str, dict[str, float]]


def run() -> dict[str, Any]:
    """Measure; returns a row per process of the platform."""
    with libplatform.running() as platform:
        platform.make_environment(POOL_SIZE)
        platform.wait_pool(POOL_SIZE, QUIET_SECONDS)
        asyncio.run(_declare(platform.home, 1, "warm"))
        _first_call(platform, "warm-0")
        _wait_quiet(platform)
        before, there = _sizes(platform), _count(platform)
        declared = asyncio.run(_declare(platform.home, FUNCTIONS, "idle"))
        settled = _wait_quiet(platform)
        after, left = _sizes(platform), _count(platform)
        busy = _cpu_of_idling(platform)
        restarts = {name: _restart(platform, name) for name in MEASURED}
        _wait_quiet(platform)
        fresh = _sizes(platform)
        first = _first_call(platform, f"idle-{FUNCTIONS // 2}")
    rows = [_row(name, before, after, fresh, busy, restarts) for name in SHOWN if name in after]
    worst = max(row["KB each"] for row in rows if row["name"] in MEASURED)
    return {
        "title": f"{FUNCTIONS} idle functions",
        "rows": rows,
        "functions": FUNCTIONS,
        "processes": {"before": there, "after": left},
        "declared_seconds": round(declared, 1),
        "settled_seconds": round(settled, 1),
        "restart_seconds": restarts,
        "first_call_ms": round(first, 1),
        "load": round(os.getloadavg()[0], 1),
        "summary": f"{worst:.1f} KB each at most (target {TARGET_KB:.0f}), {left - there} processes"
        f" more; declared in {declared:.0f} s, quiet after {settled:.0f} s,"
        f" first call {first:.0f} ms",
    }


def _row(
    name: str,
    before: Sizes,
    after: Sizes,
    fresh: Sizes,
    busy: dict[str, float],
    restarts: dict[str, float],
) -> dict[str, Any]:
    return {
        "name": name,
        "MB without": before[name]["private MB"],
        "MB with": after[name]["private MB"],
        "KB each": _each(before, after, name, "private MB"),
        "PSS KB each": _each(before, after, name, "PSS MB"),
        "restarted KB each": _each(before, fresh, name, "private MB"),
        "idle CPU %": round(busy[name], 1),
        "restart s": restarts.get(name),
    }


def _each(before: Sizes, after: Sizes, name: str, key: str) -> float:
    return round((after[name][key] - before[name][key]) * 1024 / FUNCTIONS, 2)


def _pids(platform: libplatform.Platform) -> dict[str, int]:
    """Process id by the short name of a control plane's process or platform pod."""
    processes = platform.status()["processes"]
    return {each["name"].rsplit("/", 1)[-1]: each["pid"] for each in processes if each["pid"]}


def _sizes(platform: libplatform.Platform) -> Sizes:
    return {
        name: libmemory.row(name, pid) for name, pid in _pids(platform).items() if name in SHOWN
    }


def _count(platform: libplatform.Platform) -> int:
    own = {each["pid"]: each["name"] for each in platform.status()["processes"] if each["pid"]}
    return len(libmemory.with_children(own))


async def _declare(home: pathlib.Path, count: int, prefix: str) -> float:
    """Seconds until so many functions of one package are acknowledged."""
    async with libdeclare.connected(home) as client:
        await libdeclare.create_all(client, [libdeclare.package(prefix, SOURCE)])
        names = (f"{prefix}-{index}" for index in range(count))
        started = time.perf_counter()
        await libdeclare.create_all(client, (libdeclare.function(n, prefix) for n in names))
        return time.perf_counter() - started


def _wait_quiet(platform: libplatform.Platform) -> float:
    """Seconds until nobody works any more."""
    started = time.monotonic()
    while time.monotonic() - started < DEADLINE_SECONDS:
        if max(_cpu_of_idling(platform).values()) < 5.0:
            return time.monotonic() - started - QUIET_SECONDS
    raise RuntimeError("the platform does not come to rest")


def _cpu_of_idling(platform: libplatform.Platform) -> dict[str, float]:
    """Percent of a core that each process uses for a moment without calls."""
    pids = {name: pid for name, pid in _pids(platform).items() if name in SHOWN}
    before = {name: _ticks(pid) for name, pid in pids.items()}
    time.sleep(QUIET_SECONDS)
    used = {name: _ticks(pid) - before[name] for name, pid in pids.items()}
    return {name: 100.0 * ticks / TICKS / QUIET_SECONDS for name, ticks in used.items()}


def _ticks(pid: int) -> int:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _restart(platform: libplatform.Platform, name: str) -> float:
    """Seconds from the end of a platform pod's process until its successor is ready."""
    pid = _pids(platform)[name]

    async def replace() -> float:
        async with libdeclare.connected(platform.home) as client:
            before = await _restarts(client, name)
            started = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            while time.monotonic() - started < DEADLINE_SECONDS:
                if await _restarts(client, name) > before:
                    return round(time.monotonic() - started, 1)
                await asyncio.sleep(0.05)
        raise RuntimeError(f"{name} did not come back")

    return asyncio.run(replace())


async def _restarts(client: kube_client.Client, name: str) -> int:
    """How often the container was started again; -1 while it is not ready."""
    pods = (await client.list(gvk.PODS, PLATFORM_NAMESPACE)).items
    for pod in pods:
        for status in (pod.get("status") or {}).get("containerStatuses") or ():
            if status["name"] == name:
                return int(status["restartCount"]) if status["ready"] else -1
    return -1


def _first_call(platform: libplatform.Platform, function: str) -> float:
    """Milliseconds of a function's first call, through a route made for it."""
    asyncio.run(_make_route(platform.home, function))
    netloc = urllib.parse.urlsplit(platform.status()["router"]).netloc
    return libload.first_call(netloc, f"/{function}", b"idle")


async def _make_route(home: pathlib.Path, function: str) -> None:
    async with libdeclare.connected(home) as client:
        await libdeclare.create_all(client, [libdeclare.route(function)])
