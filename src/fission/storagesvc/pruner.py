"""Removes archives that nobody names, and what uploads of dead processes left.

The order protects what is in use: archives are listed first, those who name them afterwards,
straight from the API. An archive that is uploaded while a pass runs is not on the list; one whose
Package is created meanwhile is found to be named. What was uploaded less than ``min_age`` ago is
left alone, since who uploaded it names it afterwards: a build its result, a person the first of
many archives. When those who may name one cannot be listed completely, nothing is removed.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from fission.base import clock as clocks
from fission.base import errors
from fission.storagesvc import metrics, objectstore, references

logger = logging.getLogger(__name__)

ListReferrers = Callable[[], Awaitable[list[dict[str, Any]]]]
"""Returns every object of every namespace that may name an archive, or raises."""


def plan_prune(
    archives: Iterable[objectstore.ArchiveInfo],
    referenced: set[str],
    now: datetime.datetime,
    min_age: datetime.timedelta,
) -> list[objectstore.ArchiveInfo]:
    """What to remove: named by nobody, and not so young that a name may follow."""
    return [
        archive
        for archive in archives
        if archive.id not in referenced and now - archive.modified_at > min_age
    ]


class Pruner:
    """Runs a pass every interval."""

    def __init__(
        self,
        store: objectstore.ObjectStore,
        list_referrers: ListReferrers,
        *,
        interval_seconds: float,
        min_age_seconds: float,
        clock: clocks.Clock,
        counts: metrics.Metrics,
    ) -> None:
        self._store = store
        self._list_referrers = list_referrers
        self._interval_seconds = interval_seconds
        self._min_age = datetime.timedelta(seconds=min_age_seconds)
        self._clock = clock
        self._counts = counts

    async def run(self) -> None:
        """Prune until cancelled; a pass that fails is retried at the next interval."""
        while True:
            await asyncio.sleep(self._interval_seconds)
            try:
                await self.prune_once()
            except (errors.Error, OSError) as error:
                self._counts.prune_failures += 1
                logger.warning("pass given up", extra={"error": str(error)})

    async def prune_once(self) -> list[str]:
        """Run one pass and return what was removed."""
        self._counts.swept += await self._store.sweep()
        archives = await self._store.list()
        self._counts.listed(archives)
        referenced = references.referenced_ids(await self._list_referrers())
        removed = []
        for archive in plan_prune(archives, referenced, self._clock.now(), self._min_age):
            try:
                await self._store.delete(archive.id)
            except objectstore.UnknownArchive:
                continue
            self._counts.pruned += 1
            self._counts.changed(-1, -archive.size_bytes)
            removed.append(archive.id)
            logger.info("removed archive that nobody names", extra={"id": archive.id})
        self._counts.last_prune = self._clock.now().timestamp()
        return removed
