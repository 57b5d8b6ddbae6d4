"""Writes of the status of time triggers: claims, at once; everything else, soon.

A claim is what makes a tick happen at most once: the instant is written into the object, on the
condition that the object is still as this process knows it, before the function is called. Whoever
comes second, or comes back, finds it there and lets it be.
"""

from __future__ import annotations

import asyncio
import collections
import copy
import datetime
import logging
from collections.abc import Callable
from typing import Any, Final

from fission.api import objects, resources, timetrigger_types
from fission.base import backoff, errors
from fission.base import clock as clocks
from fission.kube import client as kube_client
from fission.meta import status
from fission.timer import entries

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

CLAIMS_AT_ONCE: Final = 32
"""So many writes share a commit of the embedded store, and few connections suffice."""
SETTLE_SECONDS: Final = 0.2
"""What is no claim waits this long for more to come."""
BETWEEN_WRITES_SECONDS: Final = 0.02
RETRY_SECONDS: Final = 2.0
"""After a write that failed."""
MAX_CONFLICTS: Final = 5
"""Writes of one status in a row; others write to a trigger when a person edits it."""
FINAL_WRITERS: Final = 8
FINAL_FLUSH_SECONDS: Final = 3.0


class Ledger:
    """The one writer of these statuses, in the name of one process."""

    def __init__(
        self,
        client: kube_client.Client,
        identity: str,
        clock: clocks.Clock,
        *,
        on_changed: Callable[[entries.Entry], None],
        on_unsettled: Callable[[entries.Entry], None],
    ) -> None:
        """``on_changed`` hears of a spec that turned out to be another.

        ``on_unsettled`` hears before a claim that would cover up one without an outcome.
        """
        self._client = client
        self._identity = identity
        self._clock = clock
        self._on_changed = on_changed
        self._on_unsettled = on_unsettled
        self._slots = asyncio.Semaphore(CLAIMS_AT_ONCE)
        self._dirty: collections.OrderedDict[str, entries.Entry] = collections.OrderedDict()
        self._waiting = asyncio.Event()

    async def claim(
        self,
        entry: entries.Entry,
        instant: datetime.datetime,
        missed: int,
        give_up_at: datetime.datetime,
    ) -> bool:
        """Claim a tick, and count those missed before it in the same write.

        False when it is another's, or its trigger is gone. Raises DeadlineExceeded when the API
        could not be asked until ``give_up_at``.
        """
        text = clocks.format_rfc3339(instant)
        for pause in backoff.delays(0.02, cap_seconds=1.0):
            async with entry.lock, self._slots:
                if entry.is_gone or self._is_taken(entry, instant):
                    return False
                if await self._is_unsettled(entry):
                    self._on_unsettled(entry)
                if entry.is_gone or self._is_taken(entry, instant):
                    return False
                known = entry.trigger.status
                before = known.last_fire_time, known.claimed_by
                known.last_fire_time, known.claimed_by = text, self._identity
                known.missed += missed
                try:
                    await self._write(entry)
                    return not entry.is_gone
                except errors.Error as error:
                    # The write may have come through; a second attempt finds out.
                    known.last_fire_time, known.claimed_by = before
                    known.missed -= missed
                    if not isinstance(error, status.Conflict):
                        if self._clock.now() >= give_up_at:
                            raise errors.DeadlineExceeded(
                                f"the tick could not be claimed: {error}"
                            ) from error
                    elif await self._is_ours_already(entry, text):
                        known.last_fire_time, known.claimed_by = text, self._identity
                        known.missed += missed
                        return True
            await asyncio.sleep(pause)
        raise AssertionError("delays never end")

    def touch(self, entry: entries.Entry) -> None:
        """The status says something new: write it soon."""
        entry.is_dirty = True
        if entry.uid not in self._dirty:
            self._dirty[entry.uid] = entry
            self._waiting.set()

    async def run(self) -> None:
        """Write what is new until cancelled, then once more what is left."""
        try:
            while True:
                await self._waiting.wait()
                self._waiting.clear()
                await asyncio.sleep(SETTLE_SECONDS)
                for _ in range(len(self._dirty)):
                    _, entry = self._dirty.popitem(last=False)
                    if not await self._flush(entry):
                        self.touch(entry)
                        await asyncio.sleep(RETRY_SECONDS)
                    await asyncio.sleep(BETWEEN_WRITES_SECONDS)
        finally:
            await self.flush()

    async def flush(self) -> None:
        """Write everything now; what the deadline cuts off is found unsettled by the next timer."""

        async def work() -> None:
            while self._dirty:
                _, entry = self._dirty.popitem(last=False)
                await self._flush(entry)

        try:
            async with asyncio.timeout(FINAL_FLUSH_SECONDS):
                await asyncio.gather(*(work() for _ in range(FINAL_WRITERS)))
        except TimeoutError:
            logger.warning("statuses were not written", extra={"left": len(self._dirty)})

    async def _flush(self, entry: entries.Entry) -> bool:
        """Write one; False when that has to be tried again."""
        async with entry.lock, self._slots:
            try:
                for _ in range(MAX_CONFLICTS):
                    if not entry.is_dirty or entry.is_gone:
                        return True
                    try:
                        await self._write(entry)
                    except status.Conflict:
                        await self._refresh(entry)
            except errors.Error as error:
                logger.warning("status was not written: %s", error, extra={"trigger": entry.key})
            return not entry.is_dirty or entry.is_gone

    async def _write(self, entry: entries.Entry) -> None:
        namespace, name = entry.key
        patch = entries.make_patch(entry)
        entry.is_dirty = False
        try:
            written = await self._client.patch(
                resources.TIMETRIGGERS, name, patch, namespace, subresource="status"
            )
        except status.NotFound:
            entry.is_gone = True
            return
        except BaseException:
            entry.is_dirty = True
            raise
        entry.trigger.metadata.resource_version = written["metadata"]["resourceVersion"]

    async def _refresh(self, entry: entries.Entry) -> timetrigger_types.TimeTrigger | None:
        """Read the object again; None when it is gone. Another's claim is taken over."""
        namespace, name = entry.key
        try:
            wire = await self._client.get(resources.TIMETRIGGERS, name, namespace)
        except status.NotFound:
            entry.is_gone = True
            return None
        found = objects.decode(timetrigger_types.TimeTrigger, wire)
        if found.metadata.uid != entry.uid:
            entry.is_gone = True
            return None
        is_others = found.status.claimed_by not in ("", self._identity)
        if is_others and _place(found.status) > _place(entry.trigger.status):
            # Another timer acts on this trigger: what it says holds, of a tick that it claimed as
            # well as of one that it settled. Writing ours over it would unsettle that again.
            entry.trigger.status = copy.deepcopy(found.status)
        is_other = not entries.is_same(entry.trigger, found)
        entry.trigger.metadata = found.metadata
        entry.trigger.spec = found.spec
        if is_other:
            self._on_changed(entry)
        return found

    async def _is_ours_already(self, entry: entries.Entry, text: str) -> bool:
        """Whether an earlier write of this claim came through, although its answer did not."""
        found = await self._read(entry)
        return (
            found is not None
            and found.status.last_fire_time == text
            and found.status.claimed_by == self._identity
        )

    async def _read(self, entry: entries.Entry) -> timetrigger_types.TimeTrigger | None:
        try:
            return await self._refresh(entry)
        except errors.Error as error:
            logger.debug("trigger was not read: %s", error, extra={"trigger": entry.key})
            return None

    async def _is_unsettled(self, entry: entries.Entry) -> bool:
        """Whether a claim has no outcome; another timer may have told of its own meanwhile."""
        if entries.unsettled(entry) is None:
            return False
        if entry.trigger.status.claimed_by != self._identity:
            await self._read(entry)
        return not entry.is_gone and entries.unsettled(entry) is not None

    def _is_taken(self, entry: entries.Entry, instant: datetime.datetime) -> bool:
        known = entry.trigger.status.last_fire_time
        return bool(known) and clocks.parse_rfc3339(known) >= instant


def _place(status: timetrigger_types.TimeTriggerStatus) -> tuple[str, str]:
    """How far a status is. (All times are written alike.)"""
    return status.last_fire_time, status.last_settled_time
