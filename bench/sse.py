"""Server-sent events through one router: how late an event is with many who listen, and memory."""

import asyncio
import os
import time

import libstreams

COUNTS = tuple(int(each) for each in os.environ.get("BENCH_LISTENERS", "10,1000").split(","))
SECONDS = 3.0
ASK = b"GET /hello HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n"


def run() -> dict[str, object]:
    """Delay from the pod's write to the listener's read, for few listeners and for many."""
    rows = []
    for count in COUNTS:
        with libstreams.between("sse") as (port, pid):
            rows.append(asyncio.run(measure(port, pid, count)))
    many = rows[-1]
    text = f"{many['listeners']} listeners: an event is {many['delay p99 ms']:.1f} ms late (p99)"
    return {"title": "server-sent events", "rows": rows, "summary": text}


async def measure(port: int, pid: int, count: int) -> dict[str, object]:
    """Listen for a while."""
    first = await libstreams.open_all(port, 1, ASK)
    empty = libstreams.resident_mib(pid)
    opened = first + await libstreams.open_all(port, count - 1, ASK)
    delays: list[float] = []
    began = time.monotonic()
    await asyncio.gather(*(listen(reader, began, delays) for reader, _ in opened))
    full = libstreams.resident_mib(pid)
    for _, writer in opened:
        writer.close()
    return {
        "listeners": count,
        "events": len(delays),
        "delay p50 ms": libstreams.percentile(delays, 0.5),
        "delay p99 ms": libstreams.percentile(delays, 0.99),
        "router MB": full,
        "KB each": (full - empty) * 1024 / count,
    }


async def listen(reader: asyncio.StreamReader, began: float, delays: list[float]) -> None:
    """Note how late each event is that was written since."""
    while time.monotonic() < began + SECONDS:
        line = await asyncio.wait_for(reader.readuntil(b"\n\n"), 10)
        _, _, stamp = line.rpartition(b"data: ")
        if float(stamp) >= began:
            delays.append(time.monotonic() - float(stamp))
