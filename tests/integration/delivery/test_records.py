"""Records of deliveries in the status of triggers, on the embedded API server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fission.api import resources
from fission.base import clock as clocks
from fission.delivery import records
from fission.kube import client as kube_client
from tests.support import kinds
from tests.support import waiting as waits

Obj = dict[str, Any]


@contextlib.asynccontextmanager
async def cluster(*names: str) -> AsyncIterator[kube_client.Client]:
    async with kinds.cluster() as (_, kube):
        for name in names:
            await kube.create(resources.TIMETRIGGERS, kinds.time_trigger(name, "@daily"))
        yield kube


async def _record(kube: kube_client.Client, name: str) -> Obj:
    found = await kube.get(resources.TIMETRIGGERS, name, "default")
    record: Obj = (found.get("status") or {}).get("delivery") or {}
    return record


async def test_a_burst_is_one_write_and_writers_add_up() -> None:
    async with cluster("one") as kube:
        written: list[Obj] = []
        writers = [
            records.Records(
                kube, resources.TIMETRIGGERS, clocks.SystemClock(), on_written=written.append
            )
            for _ in range(2)
        ]
        running = [asyncio.ensure_future(writer.run()) for writer in writers]
        for writer in writers:
            for _ in range(50):
                writer.delivered("default", "one")
            writer.failed("default", "one", "500 from function")
            writer.lag("default", "one", 4)
        await waits.until(lambda: len(written) == 2)
        record = await _record(kube, "one")
        assert (record["delivered"], record["failed"], record["lag"]) == (100, 2, 4)
        assert record["lastError"]["message"] == "500 from function"
        assert record["lastDelivered"]

        # The next write waits its turn; a process that ends does not.
        writers[0].delivered("default", "one")
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        assert (await _record(kube, "one"))["delivered"] == 101
        assert len(written) == 3


async def test_a_deleted_trigger_is_forgotten_and_nobody_else_waits() -> None:
    async with cluster("here") as kube:
        made = records.Records(kube, resources.TIMETRIGGERS, clocks.SystemClock())
        made.delivered("default", "gone")
        made.delivered("default", "here")
        await made.flush()
        assert (await _record(kube, "here"))["delivered"] == 1
        assert made.take("default", "gone") is None


async def test_what_was_taken_and_not_written_comes_back() -> None:
    async with cluster("one") as kube:
        made = records.Records(kube, resources.TIMETRIGGERS, clocks.SystemClock())
        made.delivered("default", "one")
        taken = made.take("default", "one")
        assert taken is not None
        made.failed("default", "one", "later")
        made.give_back("default", "one", taken)
        await made.flush()
        record = await _record(kube, "one")
        assert (record["delivered"], record["failed"]) == (1, 1)
        assert record["lastError"]["message"] == "later"
