"""Removes archives that no Package refers to.

The order protects what is in use: archives are listed first, Packages after them, straight from
the API. An archive that is uploaded while a pass runs is not on the list; one whose Package is
created meanwhile is found referred to. When Packages cannot be listed completely, nothing is
removed.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib import parse

from fission.base import clock as clocks
from fission.base import errors
from fission.storagesvc import objectstore

logger = logging.getLogger(__name__)

ListPackages = Callable[[], Awaitable[list[dict[str, Any]]]]
"""Returns every Package of every namespace that may refer to an archive, or raises."""


def referenced_ids(packages: Iterable[dict[str, Any]]) -> set[str]:
    """The archive ids in the source and deployment URLs of Packages. Pure."""
    found: set[str] = set()
    for package in packages:
        spec = package.get("spec") or {}
        for archive in (spec.get("source") or {}, spec.get("deployment") or {}):
            query = parse.urlsplit(str(archive.get("url") or "")).query
            found.update(parse.parse_qs(query).get("id", ()))
    return found


def plan_prune(
    archives: Iterable[objectstore.ArchiveInfo],
    referenced: set[str],
    now: datetime.datetime,
    min_age: datetime.timedelta,
) -> list[str]:
    """The ids to remove: referred to by nobody, and not so young that a Package may follow."""
    return [
        archive.id
        for archive in archives
        if archive.id not in referenced and now - archive.modified_at > min_age
    ]


class Pruner:
    """Runs a pass every interval."""

    def __init__(
        self,
        store: objectstore.ObjectStore,
        list_packages: ListPackages,
        *,
        interval_seconds: float,
        min_age_seconds: float,
        clock: clocks.Clock,
    ) -> None:
        self._store = store
        self._list_packages = list_packages
        self._interval_seconds = interval_seconds
        self._min_age = datetime.timedelta(seconds=min_age_seconds)
        self._clock = clock

    async def run(self) -> None:
        """Prune until cancelled; a pass that fails is retried at the next interval."""
        while True:
            await asyncio.sleep(self._interval_seconds)
            try:
                await self.prune_once()
            except (errors.Error, OSError) as error:
                logger.warning("pass skipped", extra={"error": str(error)})

    async def prune_once(self) -> list[str]:
        """Run one pass and return what was removed."""
        archives = await self._store.list()
        referenced = referenced_ids(await self._list_packages())
        removed = []
        for archive_id in plan_prune(archives, referenced, self._clock.now(), self._min_age):
            try:
                await self._store.delete(archive_id)
            except objectstore.UnknownArchive:
                continue
            removed.append(archive_id)
            logger.info("removed archive that no package refers to", extra={"id": archive_id})
        return removed
