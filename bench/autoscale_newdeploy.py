"""newdeploy: from no pod to an answer, and how soon pods follow load up and down again.

First functions with `minscale` 0 are called one after the other: the request waits for a pod of the
function's own. The baseline is the second call of the same. Then a function with one pod and a CPU
target is kept busy by clients of a closed loop, each request spinning for a while; what is timed is
how long until there are twice the pods, and after the load until there is one again. The scale-down
window, five minutes by default, is set to some seconds by the function's own `hpaBehavior`.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import statistics
import time
import urllib.parse
from typing import Any

import libdeclare
import libload
import libplatform
from fission.api import labels
from fission.kube import client as kube_client
from fission.meta import gvk

COUNT = 8
CLIENTS = 4
MAX_SCALE = 4
TARGET_CPU = 50
WINDOW_SECONDS = 5
LOAD_SECONDS = 30.0
RETURN_SECONDS = 60.0
TARGET_FIRST_MS = 300.0
TARGET_DOUBLED_SECONDS = 30.0
SOURCES = {
    "hello": b"def main():\n    return 'scaled'\n",
    "spin": b"import time\ndef main():\n    end = time.process_time() + 0.02\n"
    b"    while time.process_time() < end:\n        pass\n    return 'scaled'\n",
}


def run() -> dict[str, Any]:
    """Measure; returns a row for each thing that was timed."""
    with libplatform.running() as platform:
        platform.make_environment(0)
        netloc = urllib.parse.urlsplit(platform.status()["router"]).netloc
        names = [f"zero-{number}" for number in range(COUNT)]
        asyncio.run(_declare(platform, names))
        asyncio.run(libload.wait_routes(netloc, [f"/{name}" for name in [*names, "spin"]]))
        first, second = [], []
        for name in names:
            first.append(libload.first_call(netloc, f"/{name}", b"scaled"))
            second.append(libload.first_call(netloc, f"/{name}", b"scaled"))
        libload.first_call(netloc, "/spin", b"scaled")
        doubled, returned, answers = asyncio.run(_scale(platform.home, netloc))
    baseline = statistics.median(second)
    rows = [
        _row("first call, from zero", "ms", first, baseline),
        _row("baseline: second call", "ms", second, baseline),
        _row("load above target until pods doubled", "s", doubled, None),
        _row("load gone until one pod", "s", returned, None),
    ]
    failed = sum(each.status != 200 for each in answers)
    return {
        "title": "newdeploy from zero, and with load",
        "rows": rows,
        "ratio": rows[0]["ratio"],
        "load": round(os.getloadavg()[0], 1),
        "statuses": libload.statuses(answers),
        "summary": f"from zero p50 {rows[0]['p50']:.0f} ms (target {TARGET_FIRST_MS:.0f});"
        f" doubled {_after(doubled)} (target {TARGET_DOUBLED_SECONDS:.0f} s),"
        f" returned {_after(returned)}; {failed} of {len(answers)} calls failed",
    }


def _after(times: list[float]) -> str:
    return f"after {times[0]:.0f} s" if times else "NOT in time"


def _row(name: str, unit: str, taken: list[float], baseline: float | None) -> dict[str, Any]:
    middle = statistics.median(taken) if taken else None
    return {
        "name": name,
        "unit": unit,
        "count": len(taken),
        "p50": round(middle, 1) if middle is not None else None,
        "longest": round(max(taken), 1) if taken else None,
        "ratio": round(middle / baseline, 1) if middle is not None and baseline else None,
    }


async def _scale(
    home: pathlib.Path, netloc: str
) -> tuple[list[float], list[float], list[libload.Answer]]:
    """Seconds until pods doubled and until one was left (empty: not in time), and all answers."""
    async with libdeclare.connected(home) as client:
        began = time.monotonic()
        load = asyncio.create_task(libload.closed(netloc, "/spin", CLIENTS, LOAD_SECONDS))
        doubled = await _wait_ready(client, lambda ready: ready >= 2, began, LOAD_SECONDS)
        answers = await load
        ended = time.monotonic()
        returned = await _wait_ready(client, lambda ready: ready == 1, ended, RETURN_SECONDS)
        return doubled, returned, answers


async def _wait_ready(
    client: kube_client.Client, wanted: Any, since: float, limit_seconds: float
) -> list[float]:
    selector = {labels.FUNCTION_NAME: "spin"}
    while time.monotonic() < since + limit_seconds:
        found = (await client.list(gvk.DEPLOYMENTS, label_selector=selector)).items
        ready = sum(int((each.get("status") or {}).get("readyReplicas") or 0) for each in found)
        if wanted(ready):
            return [time.monotonic() - since]
        await asyncio.sleep(0.1)
    return []


async def _declare(platform: libplatform.Platform, names: list[str]) -> None:
    scaling = {"ExecutorType": "newdeploy", "MaxScale": MAX_SCALE, "SpecializationTimeout": 120}
    from_zero = {"ExecutionStrategy": {**scaling, "MinScale": 0}, "StrategyType": "execution"}
    behavior = {"scaleDown": {"stabilizationWindowSeconds": WINDOW_SECONDS}}
    strategy = {**scaling, "MinScale": 1, "TargetCPUPercent": TARGET_CPU, "hpaBehavior": behavior}
    by_load = {"ExecutionStrategy": strategy, "StrategyType": "execution"}
    resources = {"requests": {"cpu": "200m", "memory": "64Mi"}}
    async with libdeclare.connected(platform.home) as client:
        packages = [libdeclare.package(name, source) for name, source in SOURCES.items()]
        await libdeclare.create_all(client, packages)
        functions = [libdeclare.function(n, "hello", InvokeStrategy=from_zero) for n in names]
        spin = libdeclare.function("spin", "spin", InvokeStrategy=by_load, resources=resources)
        await libdeclare.create_all(client, [*functions, spin])
        await libdeclare.create_all(client, [libdeclare.route(n) for n in [*names, "spin"]])
