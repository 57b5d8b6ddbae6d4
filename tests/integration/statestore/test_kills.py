"""SIGKILL at any moment: what was acknowledged is there, whole and in order, and nothing twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from pathlib import Path

from fission.base import clock as clocks
from fission.contracts import signing
from fission.contracts import statestore as wire
from fission.delivery import finders
from fission.delivery import statestore as clients
from fission.delivery import statestore_errors as errors
from fission_http import client as http_client
from tests.support import component, waiting

LIVES = 6
SCOPE = wire.Scope("default", "function/f", "k")


class Callers:
    """Who writes and works while the process is killed, and remembers what they were told."""

    def __init__(self, calls: clients.Statestore) -> None:
        self._calls = calls
        self.appended: dict[str, list[bytes]] = {f"s{number}": [] for number in range(3)}
        self.versions: dict[str, int] = {f"k{number}": 0 for number in range(2)}
        self.enqueued: set[str] = set()
        self.worked_on: set[str] = set()
        self.acknowledged: set[str] = set()
        self.lost_answers = 0

    def count_appended(self) -> int:
        return sum(map(len, self.appended.values()))

    async def append(self, stream: str) -> None:
        """Batches, each against the head that is known: an answer that was lost shows there."""
        known = self.appended[stream]
        while True:
            batch = [b"%s %d" % (stream.encode(), len(known) + place) for place in range(7)]
            events = [wire.Event(payload=payload) for payload in batch]
            try:
                head = await self._calls.append(stream, events, len(known))
            except errors.Unreachable:
                self.lost_answers += 1
                continue
            except errors.VersionConflict as conflict:
                head = conflict.head  # this batch's, whose answer was lost: all of it is there
            known += batch
            assert head == len(known), "half a batch was written, or none"

    async def count(self, key: str) -> None:
        """A counter by compare and swap: its version is how often it was written."""
        while True:
            version = self.versions[key]
            try:
                await self._calls.set(SCOPE, key, b"%d" % version, if_version=version)
            except errors.Unreachable:
                self.lost_answers += 1
                continue
            except errors.VersionConflict:
                found = await self.patiently_get(key)
                assert found.version == version + 1
                assert found.value == b"%d" % version
            self.versions[key] = version + 1

    async def patiently_get(self, key: str) -> wire.GetResponse:
        while True:
            with contextlib.suppress(errors.Unreachable):
                return await self._calls.get(SCOPE, key)

    async def enqueue(self) -> None:
        number = 0
        while True:
            with contextlib.suppress(errors.Unreachable):
                self.enqueued.add(await self._calls.enqueue("q", b"m", dedup_key=f"d{number}"))
                number += 1

    async def work(self) -> None:
        while True:
            with contextlib.suppress(errors.Unreachable):
                for message in await self._calls.lease("q", 5, 0.5, wait_seconds=1):
                    assert message.id not in self.acknowledged, "it came again after its ack"
                    self.worked_on.add(message.id)
                    with contextlib.suppress(errors.InvalidReceipt):
                        await self._calls.ack(message.receipt)
                        self.acknowledged.add(message.id)

    async def check(self) -> None:
        """Everything that anybody was told is so."""
        for stream, payloads in self.appended.items():
            found: list[bytes] = []
            while events := (await self._calls.read(stream, len(found))).events:
                assert events[0].seq == len(found) + 1
                found += [event.payload for event in events]
            assert found == payloads
        for key, version in self.versions.items():
            found_version = (await self._calls.get(SCOPE, key)).version if version else 0
            assert found_version == version

    async def left(self) -> Counter[str]:
        """The messages of the queue that nobody finished."""
        ids: Counter[str] = Counter()
        while leased := await self._calls.lease("q", 100, 3600, wait_seconds=1):
            ids.update(message.id for message in leased)
        for message in await self._calls.dead_letters("q", limit=1000):
            ids[message.id] += 1
        return ids


async def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    dice = random.Random(5)
    with component.statestore(tmp_path, FISSION_INTERNAL_AUTH_SECRET="s") as process:
        async with http_client.Client() as http:
            where = finders.Fixed(process.url)
            masters = signing.Masters(b"s")
            calls = clients.Statestore(http, masters, where, clocks.SystemClock())
            callers = Callers(calls)
            await asyncio.to_thread(process.start)
            async with asyncio.TaskGroup() as group:
                steps = [callers.append(stream) for stream in callers.appended]
                steps += [callers.count(key) for key in callers.versions]
                steps += [callers.enqueue(), callers.work(), callers.work()]
                tasks = [group.create_task(step) for step in steps]
                for _ in range(LIVES):
                    wanted = callers.count_appended() + dice.randrange(90)
                    await waiting.until(lambda: callers.count_appended() >= wanted, 20)  # noqa: B023
                    await asyncio.to_thread(process.kill)
                    await asyncio.to_thread(process.start)
                for task in tasks:
                    task.cancel()
            await asyncio.to_thread(process.kill)
            await asyncio.to_thread(process.start)
            # A write that was under way as its caller was stopped may be there or not.
            for stream, payloads in callers.appended.items():
                ahead = (await calls.head(stream)).head - len(payloads)
                assert ahead in (0, 7)
                payloads += [
                    b"%s %d" % (stream.encode(), len(payloads) + place) for place in range(ahead)
                ]
            for key, version in callers.versions.items():
                found = await calls.get(SCOPE, key)
                assert found.version - version in (0, 1)
                callers.versions[key] = found.version
            await callers.check()
            left = await callers.left()
            assert not set(left) & callers.acknowledged
            assert callers.enqueued <= callers.worked_on | set(left)
            assert set(left.values()) <= {1}
            assert callers.lost_answers > 0, "no kill hit a write"
