"""Kills the store's process with SIGKILL while it writes, again and again, and checks the promise.

    python bench/store_kill.py [--kills 1000] [--seed 1]

A forked child opens the store and writes to a few keys from several tasks at once; each
acknowledged write goes down a pipe. After a random while it is killed. The next child checks that
every acknowledged row is in the log, that the present state is what the rows say, and that a list
joined with a watch from an earlier revision gives the same; then it writes on. At the end the
figures: acknowledged writes, kills that hit a commit in flight, rows per commit, time to open.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import random
import select
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from fission.cluster.storage import records, store

KEYS = [records.Key("configmaps", "default", f"k{number}") for number in range(12)]
WRITERS = 6


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


# --- the child ----------------------------------------------------------------------------------


def check_log(folder: Path, acknowledged: dict[int, str]) -> int:
    """Every acknowledged row is there, byte for byte; returns how many unacknowledged rows are."""
    db = sqlite3.connect(folder / "log.sqlite")
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    rows = {number: digest(value) for number, value in db.execute("SELECT id, value FROM log")}
    db.close()
    for revision, wanted in acknowledged.items():
        assert rows.get(revision) == wanted, f"lost: revision {revision}"
    return len(rows) - len(acknowledged)


async def check_views(current: store.Store, earlier: int | None) -> None:
    """The list now = the list at ``earlier`` + the watch since."""
    now = {r.key.name: r.revision for r in current.select("configmaps")}
    if earlier is None:
        return
    seen = {r.key.name: r.revision for r in await current.list_at("configmaps", None, earlier)}
    watcher = await current.watch("configmaps", None, earlier)
    last = earlier
    for event in [] if watcher.idle else await watcher.take(5):
        assert event.revision > last, "an event came twice or out of order"
        last = event.revision
        name = event.record.key.name
        if event.type == "DELETED":
            del seen[name]
        else:
            assert (event.type == "ADDED") == (name not in seen)
            seen[name] = event.revision
    watcher.close()
    assert seen == now, "list + watch differ from the present"


async def write_for_ever(current: store.Store, pipe: int, seed: int) -> None:
    chance = random.Random(seed)

    async def one(number: int) -> None:
        count = 0
        while True:
            count += 1
            key = chance.choice(KEYS)

            def decide(found: records.Record | None, count: int = count) -> records.Change:
                if found is not None and chance.random() < 0.2:
                    return records.Delete(found.value)
                filler = "x" * chance.randrange(2000)
                return records.Put({"metadata": {}, "by": number, "n": count, "filler": filler})

            written = await current.write(key, decide, durable=chance.random() < 0.5)
            assert written.record is not None
            line = [written.record.revision, digest(written.record.data)]
            os.write(pipe, json.dumps(line).encode() + b"\n")

    await asyncio.gather(*(one(number) for number in range(WRITERS)))


async def child(folder: Path, pipe: int, acknowledged: dict[int, str], seed: int) -> None:
    extra = check_log(folder, acknowledged) if acknowledged else 0
    started = time.perf_counter()
    current = await store.Store.open(folder)
    opened = time.perf_counter() - started
    earlier = random.Random(seed).choice(list(acknowledged)[-2000:]) if acknowledged else None
    await check_views(current, earlier)
    os.write(pipe, json.dumps({"opened": opened, "extra": extra}).encode() + b"\n")
    await write_for_ever(current, pipe, seed)


# --- the parent ---------------------------------------------------------------------------------


def run_once(folder: Path, acknowledged: dict[int, str], seed: int, lifetime: float) -> dict:
    """One life of the child; returns what it reported. ``acknowledged`` grows."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            asyncio.run(child(folder, writing, acknowledged, seed))
        except BaseException as error:
            os.write(writing, json.dumps({"failed": repr(error)}).encode() + b"\n")
            os._exit(1)
        os._exit(0)
    os.close(writing)
    report: dict = {}
    rest = b""
    deadline = time.monotonic() + 60
    while True:
        ready, _, _ = select.select([reading], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            os.kill(pid, signal.SIGKILL)
            deadline = time.monotonic() + 60
            continue
        chunk = os.read(reading, 65536)
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            item = json.loads(line)
            if isinstance(item, dict):
                report |= item
                if "opened" in item:
                    deadline = time.monotonic() + lifetime
            else:
                acknowledged[item[0]] = item[1]
    os.close(reading)
    _, code = os.waitpid(pid, 0)
    report["killed"] = os.WIFSIGNALED(code)
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    openings: list[float] = []
    in_flight = total = unacknowledged = 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="store-kill-") as base:
        folder, acknowledged = Path(base) / "0", {}
        for number in range(options.kills):
            if number % 50 == 0:  # a fresh store now and then: births are a risk of their own
                total += len(acknowledged)
                folder, acknowledged, unacknowledged = Path(base) / str(number), {}, 0
            report = run_once(folder, acknowledged, chance.random(), chance.uniform(0.0, 0.12))
            if "failed" in report or not report["killed"]:
                print(f"kill {number}: {report}", file=sys.stderr)
                return 1
            openings.append(report.get("opened", 0.0))
            in_flight += report.get("extra", 0) > unacknowledged
            unacknowledged = report.get("extra", 0)
    total += len(acknowledged)
    seconds = time.monotonic() - started
    print(
        json.dumps(
            {
                "kills": options.kills,
                "acknowledged_writes": total,
                "lives_that_found_unacknowledged_rows": in_flight,
                "open_ms_median": round(statistics.median(openings) * 1000, 1),
                "open_ms_max": round(max(openings) * 1000, 1),
                "seconds": round(seconds, 1),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
