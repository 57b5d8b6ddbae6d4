"""What a write to the store costs, beside a bare SQLite commit of the same row.

    python bench/store_commit.py [--seconds 2]

Prints medians in milliseconds for one writer and writes per second for many, for both durability
classes; the baseline is one INSERT per transaction on one connection, in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from fission.cluster.storage import records, store

OBJECT = {"kind": "Pod", "metadata": {"name": "x"}, "spec": {"filler": "x" * 3000}}


def baseline(folder: Path, synchronous: str, seconds: float) -> float:
    db = sqlite3.connect(folder / f"bare-{synchronous}.sqlite", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA synchronous = {synchronous}")
    db.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, value BLOB)")
    data, took = json.dumps(OBJECT).encode(), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        started = time.perf_counter()
        db.execute("INSERT INTO log (value) VALUES (?)", (data,))
        took.append(time.perf_counter() - started)
    db.close()
    return statistics.median(took) * 1000


async def writers(
    current: store.Store, count: int, durable: bool, seconds: float
) -> tuple[float, float]:
    """Median latency in milliseconds, and writes per second."""
    took: list[float] = []
    end = time.monotonic() + seconds

    async def one(number: int) -> None:
        key, turn = records.Key("pods", "default", f"w{number}"), 0
        while time.monotonic() < end:
            turn += 1
            value = {**OBJECT, "turn": turn, "durable": durable}
            started = time.perf_counter()
            await current.write(key, lambda found, v=value: records.Put(v), durable=durable)
            took.append(time.perf_counter() - started)

    await asyncio.gather(*(one(number) for number in range(count)))
    return statistics.median(took) * 1000, len(took) / seconds


async def measure(folder: Path, seconds: float) -> dict:
    current = await store.Store.open(folder / "store")
    figures: dict = {}
    for durable, word in ((True, "FULL"), (False, "NORMAL")):
        bare = baseline(folder, word, seconds)
        latency, rate = await writers(current, 1, durable, seconds)
        _, crowd = await writers(current, 64, durable, seconds)
        figures[word] = {
            "bare_commit_ms": round(bare, 3),
            "one_writer_ms": round(latency, 3),
            "one_writer_to_bare": round(latency / bare, 2),
            "one_writer_per_second": round(rate),
            "64_writers_per_second": round(crowd),
            "group_gain": round(crowd / rate, 1),
        }
    await current.close()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="store-commit-") as folder:
        print(json.dumps(asyncio.run(measure(Path(folder), options.seconds)), indent=2))


if __name__ == "__main__":
    main()
