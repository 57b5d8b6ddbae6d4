"""Writes the conditions of HTTPTriggers: served, or why not. Their only writer.

Level-triggered: after every table each trigger's conditions are compared with what holds, and only
differences are written. With several routers all come to the same result; a conflict is read anew.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Protocol

from fission.api import httptrigger_lifecycle, objects, resources
from fission.kube import reconcile, workqueue
from fission.meta import status

if TYPE_CHECKING:
    from fission.api import httptrigger_types
    from fission.base import clock as clocks
    from fission.router import catalog, routetable


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

    def table_changed(self, table: routetable.Table) -> None:
        """Look at every trigger again."""
        for route in table.routes:
            metadata = route.trigger.metadata
            self._queue.add((metadata.namespace, metadata.name))
        for key in table.refused:
            self._queue.add(key)

    async def run(self) -> None:
        """Write until cancelled."""
        await reconcile.run(self._queue, self.reconcile, name="trigger-status")

    async def reconcile(self, key: routetable.Key) -> reconcile.Result | None:
        """Write the conditions of one trigger, if they differ."""
        trigger = self._catalog.trigger(*key)
        if trigger is None:
            return None
        patch = plan_status(trigger, self._catalog.table.refused.get(key), self._clock)
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
        "status": objects.encode_part(after.status),
    }
