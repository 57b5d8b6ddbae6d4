"""Which kinds of objects there are, kept up to date with CustomResourceDefinitions.

The garbage collector and the emptying of namespaces concern every kind, so the list is asked from
the server: at the start, and again whenever a CRD comes, changes or goes, until each established
one is part of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from fission.base import errors
from fission.cluster.reconcilers import informers as informers_module
from fission.kube import client, discovery
from fission.meta import conditions, gvk

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

NEEDED_VERBS = frozenset(("list", "watch", "delete"))
RETRY_SECONDS = 0.5


class Catalog:
    """The collections that can be listed, watched and deleted from."""

    def __init__(self, kube: client.Client, informers: informers_module.Informers) -> None:
        self._kube = kube
        self._crds = informers.get(gvk.CRDS)
        self._stale = asyncio.Event()
        self._stale.set()
        self._on_change: list[Callable[[], None]] = []
        self.resources: frozenset[gvk.Resource] = frozenset()
        self._crds.add_handler(lambda old, new: self._stale.set())

    def add_handler(self, on_change: Callable[[], None]) -> None:
        """Call back when ``resources`` has changed."""
        self._on_change.append(on_change)

    async def run(self) -> None:
        """Keep the list until cancelled."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            try:
                found = collectable(await discovery.served(self._kube))
            except errors.Error as error:
                logger.warning("discovery was retried: %s", error)
                await self._look_again()
                continue
            if found != self.resources:
                self.resources = found
                for on_change in self._on_change:
                    on_change()
            if missing_of(self._crds.lister.list(), found):
                await self._look_again()

    async def _look_again(self) -> None:
        await asyncio.sleep(RETRY_SECONDS)
        self._stale.set()


def collectable(served: Iterable[discovery.Served]) -> frozenset[gvk.Resource]:
    """What is stored: listed, watched and deleted; Events apart."""
    return frozenset(
        one.resource
        for one in served
        if one.verbs >= NEEDED_VERBS and one.resource.plural != "events"
    )


def missing_of(crds: Iterable[Obj], resources: Iterable[gvk.Resource]) -> list[str]:
    """Established CRDs (``plural.group``) whose resource is not listed yet."""
    known = {one.group_resource for one in resources}
    return [
        crd["metadata"]["name"]
        for crd in crds
        if conditions.is_true((crd.get("status") or {}).get("conditions"), "Established")
        and not crd["metadata"].get("deletionTimestamp")
        and crd["metadata"]["name"] not in known
    ]
