"""A store that is full refuses what adds, says so, and takes what makes room."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fission.contracts import statestore as wire
from fission.delivery import statestore_errors as errors
from fission.statestore import config
from fission.statestore import errors as broken
from tests.integration.statestore import support
from tests.support import waiting

SMALL = config.Config(max_size_mib=1)
NAMED = "STATESTORE_MAX_SIZE_MIB"
BIG = wire.Event(payload=b"x" * 100_000)


async def fill(served: support.Fixture) -> int:
    """Append until it is refused; returns the head."""
    for _ in range(100):
        try:
            await served.client.append("topic/a/t", [BIG])
        except errors.QuotaExceeded as full:
            return (await served.client.head("topic/a/t")).head if NAMED in str(full) else 0
    raise AssertionError("it is never full")


async def test_the_bound_of_the_file_is_told_and_trims_make_room(tmp_path: Path) -> None:
    async with support.statestore(tmp_path, SMALL) as served:
        message = await served.client.enqueue("q", b"m")
        head = await fill(served)
        assert 5 <= head <= 10
        scope = wire.cursor_scope("a", "g")
        await served.client.set(scope, "t", b"5")  # how far a consumer is fits into the reserve
        (leased,) = await served.client.lease("q", 1, 10)
        assert leased.id == message
        await served.client.ack(leased.receipt)
        await served.client.trim("topic/a/t", head + 1)
        await waiting.until(lambda: served.app.store.counts.used_bytes < 200_000)
        assert await served.client.append("topic/a/t", [BIG]) == head + 1
        assert (await served.get("/readyz"))[0] == 200


async def test_a_full_volume_refuses_what_does_not_fit_and_nothing_else(tmp_path: Path) -> None:
    """SQLite's own bound stands for the volume's: it fails in the same way."""
    async with support.statestore(tmp_path) as served:
        await served.client.append("s", [BIG])
        db = served.app.store._file.writing
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count = {pages + 2}")
        fitting = [served.client.append(f"small{number}", []) for number in range(20)]
        results = await asyncio.gather(
            served.client.append("s", [BIG]),
            *fitting,
            served.client.append("t", [wire.Event(payload=b"y")]),
            return_exceptions=True,
        )
        assert isinstance(results[0], errors.QuotaExceeded)
        assert "volume" in str(results[0])
        assert results[1:-1] == [0] * 20
        assert results[-1] == 1
        assert (await served.client.head("s")).head == 1
        await served.client.trim("s", 2)
        await waiting.until(lambda: served.app.store.counts.used_bytes < 100_000)
        assert await served.client.append("s", [BIG]) == 2


async def test_upkeep_forgets_what_is_past_its_time(tmp_path: Path) -> None:
    settings = config.Config(retention_seconds=0.05)
    async with support.statestore(tmp_path, settings) as served:
        await served.client.append("topic/a/t", [BIG])
        await served.client.append("history", [BIG])
        await served.client.set(wire.Scope("a"), "k", b"v", ttl_seconds=0.05)

        async def is_forgotten() -> bool:
            await served.app.keep_up()
            totals = await served.app.store.totals()
            return (totals.events, totals.keys) == (1, 0)

        await waiting.until_so(is_forgotten)
        found = await served.client.read("topic/a/t", 0)
        assert (found.events, found.head, found.first) == ([], 1, 2)
        assert served.app.metrics.expired == 1


async def test_bodies_that_are_being_received_are_bounded(tmp_path: Path) -> None:
    settings = config.Config(max_inflight_mib=4)
    async with support.statestore(tmp_path, settings) as served:
        host, port = served.url.removeprefix("http://").split(":")
        slow = []
        for _ in range(2):
            reader, writer = await asyncio.open_connection(host, int(port))
            slow.append(writer)
            head = "POST /v1/queue/stats HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n"
            writer.write((head + "X-Fission-Auth-Signature: a\r\n\r\n").encode())
        line = await asyncio.wait_for(reader.readline(), 5)
        assert line.startswith(b"HTTP/1.1 429 ")
        for writer in slow:
            writer.close()

        async def has_room() -> bool:
            status, _ = await served.post("/v1/queue/stats", b" " * 2_000_000 + b'{"queue":"q"}')
            return status == 200

        await waiting.until_so(has_room)


async def test_a_disk_that_fails_ends_it(tmp_path: Path) -> None:
    async with support.statestore(tmp_path) as served:
        await served.client.append("s", [BIG])
        served.app.store._file.writing.close()  # as good as a disk that went away
        with pytest.raises(errors.Unreachable, match="file failed"):
            await served.client.append("s", [BIG])
        with pytest.raises(broken.StoreBroken):
            await asyncio.wait_for(asyncio.shield(served.running), 5)
        served.running = asyncio.create_task(asyncio.sleep(0))
