"""Writes the conditions of HTTPTriggers: served, or why not. Their only writer.

Level-triggered: whenever a trigger was decided about, its conditions are compared with what holds,
and only differences are written. With several routers all come to the same result; a conflict is
read anew.
"""

from __future__ import annotations

import asyncio
import copy
from typing import TYPE_CHECKING, Any, Final, Protocol

from fission.api import conditions, httptrigger_lifecycle, resources
from fission.kube import reconcile, workqueue
from fission.meta import status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fission.api import httptrigger_types
    from fission.base import clock as clocks
    from fission.router import catalog, routetable


WRITERS: Final = 4
"""Conditions written at once: a first table of thousands takes a minute with one."""

COMPARED_AT_ONCE: Final = 500
"""Between two turns of requests."""


class Patches(Protocol):
    """What is needed of the Kubernetes client."""

    async def patch(
        self,
        resource: Any,
        name: str,
        patch: Any,
        namespace: str | None = None,
        *,
        subresource: str | None = None,
    ) -> dict[str, Any]: ...


class TriggerStatus:
    """Keeps the conditions true."""

    def __init__(self, kube: Patches, routes: catalog.Catalog, clock: clocks.Clock) -> None:
        self._kube = kube
        self._catalog = routes
        self._clock = clock
        self._queue: workqueue.WorkQueue[routetable.Key] = workqueue.WorkQueue()

    def decided(self, keys: Iterable[routetable.Key]) -> None:
        """Look at these triggers again."""
        for key in keys:
            if self._catalog.trigger(*key) is not None:
                self._queue.add(key)

    async def run(self) -> None:
        """Write until cancelled."""
        await reconcile.run(self._queue, self.reconcile, workers=WRITERS, name="trigger-status")

    async def resync(self, interval_seconds: float) -> None:
        """Look for conditions that others changed, now and then, until cancelled."""
        while True:
            await asyncio.sleep(interval_seconds)
            for number, trigger in enumerate(list(self._catalog.triggers())):
                if number % COMPARED_AT_ONCE == 0:
                    await asyncio.sleep(0)
                key = (trigger.metadata.namespace, trigger.metadata.name)
                if not is_true(trigger, self._catalog.table.refused.get(key)):
                    self._queue.add(key)

    async def reconcile(self, key: routetable.Key) -> reconcile.Result | None:
        """Write the conditions of one trigger, if they differ."""
        trigger = self._catalog.trigger(*key)
        table = self._catalog.table
        if trigger is None or (key not in table.routes and key not in table.refused):
            return None
        patch = plan_status(trigger, table.refused.get(key), self._clock)
        if patch is None:
            return None
        try:
            await self._kube.patch(
                resources.HTTPTRIGGERS, key[1], patch, key[0], subresource="status"
            )
        except status.NotFound:
            return None
        return None


def plan_status(
    trigger: httptrigger_types.HTTPTrigger,
    refusal: routetable.Refusal | None,
    clock: clocks.Clock,
) -> dict[str, Any] | None:
    """The merge patch that makes a trigger's status true; None when it is."""
    if is_true(trigger, refusal):
        return None
    after = copy.deepcopy(trigger)
    now = clock.now()
    if refusal is None:
        changed = httptrigger_lifecycle.mark_admitted(after, now)
    else:
        changed = httptrigger_lifecycle.mark_refused(after, refusal.reason, refusal.message, now)
    if not changed:
        return None
    return {
        "metadata": {"resourceVersion": trigger.metadata.resource_version},
        "status": {
            "observedGeneration": after.status.observed_generation,
            "conditions": after.status.conditions,
        },
    }


def is_true(trigger: httptrigger_types.HTTPTrigger, refusal: routetable.Refusal | None) -> bool:
    """Whether a trigger's conditions say what holds."""
    reason = httptrigger_lifecycle.ADMITTED if refusal is None else refusal.reason
    generation = trigger.metadata.generation
    if trigger.status.observed_generation != generation:
        return False
    wanted = conditions.TRUE if refusal is None else conditions.FALSE
    said = [
        each
        for each in trigger.status.conditions
        if each.get("type") in (conditions.ROUTE_ADMITTED, conditions.READY)
    ]
    return len(said) == 2 and all(
        each.get("status") == wanted
        and each.get("reason") == reason
        and each.get("observedGeneration", generation) == generation
        and (refusal is None or each.get("message") == refusal.message)
        for each in said
    )
