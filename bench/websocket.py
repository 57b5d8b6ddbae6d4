"""Open WebSockets through one router: memory for each, and how long an echo takes.

Promise: 1,000 open WebSockets on one router take at most 100 MB, the router itself included.
"""

import asyncio
import os
import time

import libstreams

COUNT = int(os.environ.get("BENCH_WEBSOCKETS", "1000"))
ROUNDS = 5
SAMPLES = 2000
ATTEMPTS_AT_ONCE = 20


def run() -> dict[str, object]:
    """Memory before and with the connections, and echo times while all are open."""
    with libstreams.between("websocket") as (port, pid):
        return asyncio.run(measure(port, pid))


async def measure(port: int, pid: int) -> dict[str, object]:
    """Open, echo, look."""
    first = await libstreams.open_all(port, 1, libstreams.WEBSOCKET)
    empty = libstreams.resident_mib(pid)
    began = time.monotonic()
    opened = first + await libstreams.open_all(port, COUNT - 1, libstreams.WEBSOCKET)
    took = time.monotonic() - began
    idle = libstreams.resident_mib(pid)
    times: list[float] = []
    for start in range(ATTEMPTS_AT_ONCE):
        chosen = opened[start::ATTEMPTS_AT_ONCE]
        for reader, writer in chosen[: SAMPLES // ATTEMPTS_AT_ONCE]:
            times.append(await echo(reader, writer))
    busy = time.monotonic()
    for _ in range(ROUNDS):
        await asyncio.gather(*(echo(reader, writer) for reader, writer in opened))
    rate = ROUNDS * COUNT / (time.monotonic() - busy)
    full = libstreams.resident_mib(pid)
    for _, writer in opened:
        writer.close()
    row = {
        "open": COUNT,
        "router MB before": empty,
        "with all open": idle,
        "after echoes": full,
        "KB each": (full - empty) * 1024 / COUNT,
        "echo p50 ms": libstreams.percentile(times, 0.5),
        "echo p99 ms": libstreams.percentile(times, 0.99),
        "echoes/s at once": rate,
        "opened/s": COUNT / took,
    }
    summary = f"{COUNT} WebSockets: {full:.0f} MB in all"
    return {"title": "WebSockets", "rows": [row], "summary": summary}


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
    """One message there and back."""
    began = time.perf_counter()
    writer.write(b"\x82\x84\x00\x00\x00\x00ping")
    await asyncio.wait_for(reader.readexactly(10), 30)
    return time.perf_counter() - began
