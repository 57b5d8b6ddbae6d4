"""How late ticks arrive, as the function sees it: from the scheduled instant to its first line.

Some triggers fire every few seconds, ten at one instant; thousands more wait for next year. The
baseline goes the same way without a timer: calls that this process sends through the router at
whole seconds, ten at once. Lateness counts what the function's clock says at its first line.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import pathlib
import time
import urllib.request
from typing import Any

import libdeclare
import libplatform
from fission.api import resources
from fission.kube import client as kube_client
from fission_http import client as http_client

AT_ONCE = 10
PERIOD_SECONDS = 20
TRIGGERS = AT_ONCE * PERIOD_SECONDS
IDLE = int(os.environ.get("BENCH_IDLE_TRIGGERS", "2000"))
SECONDS = 40
WARM_SECONDS = 6
TARGET_MS = 50.0
CODE = """\
import json, time
from flask import request
seen = []

def main():
    at = time.time()
    if "dump" in request.args:
        answer, seen[:] = json.dumps(seen), []
        return answer
    due = request.headers.get("X-Fission-Timer-Scheduled-At") or request.args.get("due")
    seen.append([request.headers.get("X-Fission-Timer-Name", ""), due, at])
    return ""
"""

Obj = dict[str, Any]
Seen = list[tuple[str, str, float]]


def run() -> dict[str, Any]:
    """Measure; returns a row for the timer and one for the baseline."""
    with libplatform.home() as platform:
        platform.up()
        platform.make_environment(2)
        platform.wait_pool(2, 1.0)
        code = platform.home.parent / "seen.py"
        code.write_text(CODE)
        words = ("--name", "seen", "--env", "python", "--code", str(code))
        platform.fission("fn", "create", *words, "--concurrency", "1", "--requestsperpod", "500")
        route = ("--name", "seen", "--function", "seen", "--url", "/seen", "--method", "GET")
        platform.fission("route", "create", *route)
        url = f"{platform.status()['router']}/seen"
        _dump(url)
        baseline = _baseline(url)
        declared = asyncio.run(_declare(platform.home))
        time.sleep(WARM_SECONDS)
        _dump(url)
        started = time.time()
        time.sleep(SECONDS)
        ended = time.time()
        seen = _dump(url)
    instants = {(name, due) for name, due, _ in seen}
    wanted = int(AT_ONCE * (int(ended - 1) - int(started)))
    timer = _row("timer", [at - _moment(due) for _, due, at in seen])
    rows = [timer, _row("router alone", baseline)]
    return {
        "title": f"lateness of ticks, {TRIGGERS} triggers of {PERIOD_SECONDS} s beside {IDLE} idle",
        "rows": rows,
        "declared_seconds": round(declared, 1),
        "doubled": len(seen) - len(instants),
        "load": round(os.getloadavg()[0], 1),
        "summary": f"p99 {timer['p99 ms']} ms (target {TARGET_MS:g}), {len(seen)} ticks of at least"
        f" {wanted}, {len(seen) - len(instants)} doubled",
    }


def _row(name: str, lateness: list[float]) -> Obj:
    ordered = sorted(lateness)

    def percentile(share: float) -> float:
        return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)

    return {
        "name": name,
        "ticks": len(ordered),
        "min ms": percentile(0),
        "p50 ms": percentile(0.5),
        "p99 ms": percentile(0.99),
        "max ms": percentile(1),
    }


def _moment(text: str) -> float:
    return datetime.datetime.fromisoformat(text).timestamp()


def _dump(url: str) -> Seen:
    with urllib.request.urlopen(f"{url}?dump=1", timeout=30) as response:
        found: Seen = json.load(response)
    return found


def _baseline(url: str) -> list[float]:
    asyncio.run(_send(url, 1))
    _dump(url)
    asyncio.run(_send(url, PERIOD_SECONDS))
    return [at - float(due) for _, due, at in _dump(url)]


async def _send(url: str, times: int) -> None:
    async with http_client.Client() as http:

        async def call(due: int) -> None:
            response = await http.request("GET", f"{url}?due={due}")
            await response.read()

        for _ in range(times):
            due = int(time.time()) + 1
            await asyncio.sleep(due - time.time())
            await asyncio.gather(*(call(due) for _ in range(AT_ONCE)))


async def _declare(home: pathlib.Path) -> float:
    """Seconds until all triggers are acknowledged."""
    async with libdeclare.connected(home) as client:
        started = time.perf_counter()
        names = [
            (f"tick-{n}", f"{n % PERIOD_SECONDS}/{PERIOD_SECONDS} * * * * *")
            for n in range(TRIGGERS)
        ]
        names += [(f"idle-{n}", "0 0 1 1 *") for n in range(IDLE)]
        pending = iter(names)

        async def work() -> None:
            for name, cron in pending:
                await _create(client, name, cron)

        await asyncio.gather(*(work() for _ in range(libdeclare.WRITERS)))
        return time.perf_counter() - started


async def _create(client: kube_client.Client, name: str, cron: str) -> None:
    obj = {
        "apiVersion": "fission.io/v1",
        "kind": "TimeTrigger",
        "metadata": {"name": name, "namespace": libdeclare.NAMESPACE},
        "spec": {"cron": cron, "functionref": {"type": "name", "name": "seen"}},
    }
    await client.create(resources.TIMETRIGGERS, obj)
