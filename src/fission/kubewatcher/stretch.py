"""One stretch of following, from reading the journal to whatever ends it.

Three loops: the source reads into the buffer, ``_hand_over`` tells the function of one event after
the other, ``_keep`` writes the journal. The position moves only past events that were handed over
or given up, so after a crash the last ones may come twice and none is left out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Sequence
from typing import Final

from fission.api import kuberneteswatchtrigger_types, objects
from fission.base import backoff, errors, tasks
from fission.kube import events
from fission.kubewatcher import buffer as buffers
from fission.kubewatcher import journal as journals
from fission.kubewatcher import plan, reports, source, telling
from fission.meta import gvk

logger = logging.getLogger(__name__)

BOOKMARK_SECONDS: Final = 240.0
"""How old a position may get while nothing happens: history is kept for five minutes."""
BYTES_PER_SECOND: Final = 256 * 1024
"""A large journal is written less often than a small one."""
GRACE_SECONDS: Final = 3.0
"""How long an event that is being handed over may take when we are stopped."""
FINAL_SAVE_SECONDS: Final = 3.0

HISTORY_EXPIRED: Final = "HistoryExpired"
JOURNAL_GONE: Final = "JournalGone"
TOO_MANY_OBJECTS: Final = "TooManyObjects"
CATCHING_UP: Final = "CatchingUp"


class Stretch:
    """Reads, tells and remembers for one trigger."""

    def __init__(
        self,
        deps: telling.Deps,
        trigger: kuberneteswatchtrigger_types.KubernetesWatchTrigger,
        resource: gvk.Resource,
        selector: str,
        told: reports.Reports,
    ) -> None:
        self._deps = deps
        self._trigger = trigger
        self._resource = resource
        self._selector = selector
        self._reports = told
        self._namespace = trigger.metadata.namespace
        self._teller = telling.Teller(deps, trigger, resource)
        self._buffer = buffers.Buffer(self._waiting)
        self._journal = journals.Journal(
            deps.kube, trigger, journals.identity_of(resource, selector)
        )
        self._unsaved = asyncio.Event()
        self._moved = False
        self._is_open = False
        self._was_full = False
        self.is_discarded = False
        """Whether the trigger is gone, and its journal with it."""

    async def begin(self, *, was_subscribed: bool) -> None:
        """Read the journal. ``was_subscribed``: there should be one."""
        journal = self._journal
        if not await journal.load() and was_subscribed:
            self._tell_gap(
                JOURNAL_GONE,
                f"ConfigMap {journal.name} with what the function was told is gone: everything"
                " that exists is sent as ADDED, and what was deleted meanwhile is not known",
            )

    async def run(self) -> None:
        """Follow until something ends it."""
        reader = source.Source(
            self._deps.kube,
            self._resource,
            self._namespace,
            self._selector,
            self._journal.content,
            self._buffer,
            self._opened,
            self._expired,
        )
        try:
            async with tasks.Tasks() as group:
                group.run(reader.run(), "source")
                group.run(self._hand_over(), "hand over")
                group.run(self._keep(), "journal")
                await group.wait()
        finally:
            self._set_open(False)
            if (self._unsaved.is_set() or self._moved) and not self.is_discarded:
                with contextlib.suppress(errors.Error, TimeoutError):
                    async with asyncio.timeout(FINAL_SAVE_SECONDS):
                        await self._journal.save()

    async def _hand_over(self) -> None:
        content = self._journal.content
        while True:
            item = await self._buffer.take()
            position = item.resource_version if isinstance(item, plan.Event) else ""
            for event in self._events_of(item):
                if not content.position:
                    self._reports.failed(
                        CATCHING_UP, "objects that exist already are handed to the function first"
                    )
                await self._tell(event, position)
            if isinstance(item, plan.Event | plan.Passed) and item.resource_version:
                content.position = item.resource_version
                self._moved = True
            elif isinstance(item, plan.Complete):
                content.position = item.resource_version
                content.is_complete = True
                # Only from a position that survives a crash on is nothing left out.
                await self._save()
                self._report_open()
            await self._buffer.done()

    def _events_of(self, item: plan.Item) -> Sequence[plan.Event]:
        content = self._journal.content
        known = content.known
        if isinstance(item, plan.Event):
            return [item] if plan.is_news(known, item) else []
        if isinstance(item, plan.Complete):
            return plan.vanished(known, item.names, self._resource, self._namespace)
        if isinstance(item, plan.Passed):
            return []
        listed = item.event
        if not content.is_complete and plan.is_told(listed, content.position):
            plan.note(known, listed)
            return []
        return plan.differences(known, listed, self._resource, self._namespace)

    async def _tell(self, event: plan.Event, position: str) -> None:
        """Tell the function, also to the end of a grace when we are stopped meanwhile.

        ``position`` is where we are afterwards, unless that has to wait.
        """
        telling_it = asyncio.ensure_future(self._teller.tell(event))
        stopped = False
        try:
            await asyncio.shield(telling_it)
        except asyncio.CancelledError:
            stopped = True
            await asyncio.wait({telling_it}, timeout=GRACE_SECONDS)
            if not telling_it.done():
                telling_it.cancel()
                await asyncio.gather(telling_it, return_exceptions=True)
                raise
            telling_it.result()
        content = self._journal.content
        plan.note(content.known, event)
        content.position = position or content.position
        self._unsaved.set()
        if stopped:
            raise asyncio.CancelledError

    async def _keep(self) -> None:
        """Write the journal soon after an event, and now and then while nothing happens."""
        interval = self._deps.settings.journal_interval_seconds
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BOOKMARK_SECONDS):
                    await self._unsaved.wait()
            if not (self._unsaved.is_set() or self._moved):
                continue
            await asyncio.sleep(max(interval, self._journal.size_bytes / BYTES_PER_SECOND))
            await self._save()
            self._look_at_size()

    async def _save(self) -> None:
        """Write the journal, however long the API is away; raises Lost and Refused."""
        pauses = backoff.delays(0.1, cap_seconds=5.0, jitter=0.2, draw=random.random)
        while True:
            self._unsaved.clear()
            self._moved = False
            try:
                await self._journal.save()
                return
            except (journals.Lost, journals.Refused):
                raise
            except errors.Error as error:
                self._unsaved.set()
                logger.debug("journal was not written: %s", error, extra=self._fields)
                await asyncio.sleep(next(pauses))
            except asyncio.CancelledError:
                self._unsaved.set()
                raise

    def _look_at_size(self) -> None:
        """Say once that there is more than can be remembered."""
        if self._journal.is_full and not self._was_full:
            self._event(
                TOO_MANY_OBJECTS,
                f"{len(self._journal.content.known)} objects are more than a journal can hold: if"
                " history is gone after a restart, deletions meanwhile will not be known",
            )
        self._was_full = self._journal.is_full

    def _waiting(self, count: int) -> None:
        name = self._trigger.metadata.name
        self._deps.records.lag(self._namespace, name, count)
        self._deps.metrics.lag.labels(self._namespace, name).set(count)

    def _opened(self) -> None:
        self._set_open(True)
        self._report_open()

    def _report_open(self) -> None:
        """The watch is open, and it goes on from here whatever happens."""
        if not self._is_open or not self._journal.content.position:
            return
        what = self._resource.group_resource
        chosen = f" with {self._selector}" if self._selector else ""
        self._reports.open(f"the watch of {what}{chosen} is open")

    def _expired(self, version: str) -> None:
        unknown = "states in between, and objects made and deleted meanwhile, are not known"
        if not self._journal.content.is_complete:
            unknown += ", nor is what was deleted, as there are too many objects to remember"
        self._tell_gap(
            HISTORY_EXPIRED,
            f"history after resourceVersion {version} is gone: all objects are listed and what"
            f" differs from what was told is sent; {unknown}",
        )

    def _tell_gap(self, reason: str, message: str) -> None:
        self._reports.gap(message)
        self._event(reason, message)
        self._deps.metrics.gaps.labels(self._namespace, self._trigger.metadata.name).inc()
        logger.warning("gap: %s", message, extra=self._fields)

    @property
    def _fields(self) -> dict[str, str]:
        return {"trigger": f"{self._namespace}/{self._trigger.metadata.name}"}

    def _event(self, reason: str, message: str) -> None:
        self._deps.recorder.event(
            objects.reference_to(self._trigger), events.WARNING, reason, message
        )

    def _set_open(self, is_open: bool) -> None:
        if is_open != self._is_open:
            self._deps.metrics.open.inc(1 if is_open else -1)
            self._is_open = is_open
