"""Slow housekeeping by the clock: nodes every 10 s, ended pods and old Events every minute."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from fission.base import clock as clocks
from fission.base import errors
from fission.cluster.reconcilers import informers as informers_module
from fission.cluster.reconcilers.upkeep import plan as planning
from fission.kube import apply, client
from fission.meta import gvk, objectmeta

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

PERIOD_SECONDS = 10.0
SLOW_PERIODS = 6


class Upkeep:
    """One loop over everything that time alone makes due."""

    def __init__(
        self, kube: client.Client, informers: informers_module.Informers, clock: clocks.Clock
    ) -> None:
        self._kube = kube
        self._clock = clock
        self._pods = informers.get(gvk.PODS)
        self._nodes = informers.get(gvk.NODES)

    async def run(self) -> None:
        """Look after things until cancelled."""
        count = 0
        while True:
            await asyncio.sleep(PERIOD_SECONDS)
            count += 1
            try:
                await self.look_after_nodes()
                if count % SLOW_PERIODS == 0:
                    await self.tidy()
            except errors.Error as error:
                logger.warning("upkeep was put off: %s", error)

    async def look_after_nodes(self) -> None:
        listed = await self._kube.list(gvk.LEASES, planning.NODE_LEASES)
        leases = {objectmeta.name_of(lease): lease for lease in listed.items}
        nodes = self._nodes.lister.list()
        await apply.apply(self._kube, planning.plan_nodes(nodes, leases, self._clock.now()))

    async def tidy(self) -> None:
        await apply.apply(self._kube, planning.plan_ended_pods(self._pods.lister.list()))
        listed = await self._kube.list(gvk.EVENTS)
        await apply.apply(self._kube, planning.plan_events(listed.items, self._clock.now()))
