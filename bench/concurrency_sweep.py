"""One warm function under 10, 50, 100, 200 and 500 clients, each with one request at a time.

The function is Python's fastest answer in eight pods of 50 requests each, so at 500 clients some
wait. `wrk` is the load. The baseline is the smallest number of clients: throughput should hold when
more come, and what they wait should grow with their number alone.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import urllib.parse
from typing import Any

import libdeclare
import libload
import libplatform
import warm_path

CLIENTS = (10, 50, 100, 200, 500)
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
POOL_SIZE = 3
PER_POD = 50
SOURCE = b"def main():\n    return 'swept'\n"


def run() -> dict[str, Any]:
    """Measure; returns a row per number of clients."""
    if shutil.which("wrk") is None:
        return {"title": "concurrency sweep", "rows": [], "skipped": "apt-get install wrk"}
    with libplatform.running() as platform:
        platform.make_environment(POOL_SIZE)
        netloc = urllib.parse.urlsplit(platform.status()["router"]).netloc
        asyncio.run(_declare(platform))
        asyncio.run(libload.wait_routes(netloc, ["/swept"]))
        platform.wait_pool(POOL_SIZE, 0.5)
        libload.first_call(netloc, "/swept", b"swept")
        rows = [_measure(netloc, clients) for clients in CLIENTS]
    base = rows[0]["requests/s"]
    for row in rows:
        row["ratio"] = round(row["requests/s"] / base, 2)
    least = min(row["ratio"] for row in rows)
    failed = sum(row["failed"] for row in rows)
    return {
        "title": "concurrency sweep",
        "rows": rows,
        "ratio": least,
        "load": round(os.getloadavg()[0], 1),
        "summary": f"throughput never below {least} of {CLIENTS[0]} clients', {failed} failed",
    }


def _measure(netloc: str, clients: int) -> dict[str, Any]:
    command = ["wrk", "-t1", f"-c{clients}", f"-d{SECONDS}s", "--timeout", "10s", "--latency"]
    done = subprocess.run([*command, f"http://{netloc}/swept"], capture_output=True, text=True)
    text = done.stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if rate is None:
        raise RuntimeError(f"wrk said nothing of use:\n{text}{done.stderr}")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text
    )
    failed = int(refused[1]) if refused else 0
    return {
        "clients": clients,
        "requests/s": float(rate[1]),
        "p50 ms": round(warm_path.latency(text, "50"), 2),
        "p99 ms": round(warm_path.latency(text, "99"), 2),
        "failed": failed + sum(map(int, broken.groups()) if broken else ()),
    }


async def _declare(platform: libplatform.Platform) -> None:
    async with libdeclare.connected(platform.home) as client:
        function = libdeclare.function("swept", "swept", requestsPerPod=PER_POD, concurrency=8)
        package = libdeclare.package("swept", SOURCE)
        await libdeclare.create_all(client, [package])
        await libdeclare.create_all(client, [function])
        await libdeclare.create_all(client, [libdeclare.route("swept")])
