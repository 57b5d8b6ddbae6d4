"""Keeps the Ingresses and HTTPRoutes that triggers want: made, changed, deleted.

Every router does it, none waits for another: each compares what should be with what is and does the
difference, so whoever comes first has done it. Only objects that carry all labels of ours are
touched. A cluster without the kind gets none, and the trigger an Event that says so.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from fission.api import httptrigger_types, objects
from fission.base import errors
from fission.kube import requests
from fission.meta import gvk, status
from fission.router import exposure, routetable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fission.kube import client as kube_client
    from fission.kube import events
    from fission.router import catalog

_log = logging.getLogger(__name__)

SETTLE_SECONDS: Final = 0.1
"""A change waits for those that come with it."""
AGAIN_SECONDS: Final = 60.0
"""Pause until everything is compared again, while there is anything; and until a kind that was not
there is looked for again."""
FAILED_SECONDS: Final = 5.0
NOT_EXPOSED: Final = "RouteNotExposed"
MANAGER: Final = "fission-router"
TAKEN: Final = "RouteNameTaken"

Obj = dict[str, Any]


class Ingresses:
    """What is shown outside, kept as triggers say."""

    def __init__(
        self,
        kube: kube_client.Client,
        known: catalog.Catalog,
        exposed: exposure.Exposure,
        recorder: events.Recorder,
        ready: Callable[[], bool],
    ) -> None:
        """`ready` tells whether all triggers are known: before that nothing may be deleted."""
        self._kube = kube
        self._catalog = known
        self._exposed = exposed
        self._recorder = recorder
        self._ready = ready
        self._changed = asyncio.Event()
        self._shown: set[routetable.Key] = set()
        """Triggers that wanted something when last looked at."""

    def decided(self, keys: Iterable[routetable.Key]) -> None:
        """Triggers changed: look again if any of them is or was shown outside."""
        for key in keys:
            trigger = self._catalog.trigger(*key)
            wants = trigger is not None and exposure.provider(trigger.spec) is not None
            if wants or key in self._shown:
                self._changed.set()
                return

    async def run(self) -> None:
        """Keep them until cancelled; the first comparison finds what was left behind."""
        while True:
            self._changed.clear()
            pause = None
            try:
                if not self._ready():
                    pause = FAILED_SECONDS
                elif await self.sync():
                    pause = AGAIN_SECONDS
            except (errors.Error, OSError) as error:
                _log.warning("routes could not be shown outside: %s", error)
                pause = FAILED_SECONDS
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
                    await asyncio.sleep(SETTLE_SECONDS)
            except TimeoutError:
                continue

    async def sync(self) -> bool:
        """Compare once and do the difference; whether anything is shown or wants to be."""
        triggers = [
            one for one in self._catalog.triggers() if exposure.provider(one.spec) is not None
        ]
        self._shown = {(one.metadata.namespace, one.metadata.name) for one in triggers}
        wanted = self._exposed.plan(triggers)
        for resource in (exposure.INGRESSES, exposure.HTTPROUTES):
            these = wanted[resource.plural]
            if await self._is_served(resource):
                await self._sync(resource, these)
            else:
                for wire in these:
                    self._tell(wire, NOT_EXPOSED, f"the cluster does not serve {resource.kind}")
        return bool(triggers)

    async def _sync(self, resource: gvk.Resource, wanted: list[Obj]) -> None:
        found = await self._kube.list(
            resource,
            self._exposed.namespace,
            label_selector=",".join(exposure.LABELS),
        )
        there = {str(each["metadata"]["name"]): each for each in found.items}
        for wire in wanted:
            name = str(wire["metadata"]["name"])
            before = there.pop(name, None)
            if before is None or exposure.differs(wire, before):
                await self._apply(resource, wire, is_new=before is None)
        for name, before in there.items():
            try:
                await self._kube.delete(
                    resource,
                    name,
                    self._exposed.namespace,
                    precondition_uid=before["metadata"]["uid"],
                )
            except (status.NotFound, status.Conflict):
                continue
            _log.info("a route is no longer shown outside", extra={resource.singular: name})

    async def _apply(self, resource: gvk.Resource, wire: Obj, *, is_new: bool) -> None:
        """Write what is ours; what others put beside it, such as a controller's notes, stays."""
        name = wire["metadata"]["name"]
        if is_new and await self._is_taken(resource, name):
            self._tell(wire, TAKEN, f"{resource.kind} {name!r} exists and is not ours")
            return
        try:
            await self._kube.patch(
                resource,
                name,
                wire,
                self._exposed.namespace,
                kind="apply",
                field_manager=MANAGER,
                force=True,
            )
        except (status.Invalid, status.BadRequest) as error:
            self._tell(wire, NOT_EXPOSED, f"{resource.kind} was refused: {error}")

    async def _is_taken(self, resource: gvk.Resource, name: str) -> bool:
        try:
            there = await self._kube.get(resource, name, self._exposed.namespace)
        except status.NotFound:
            return False
        return not set(exposure.LABELS) <= set(there["metadata"].get("labels") or ())

    async def _is_served(self, resource: gvk.Resource) -> bool:
        path = f"/apis/{resource.group}/{resource.version}"
        try:
            document = await self._kube.send(requests.Request("GET", path))
        except status.NotFound:
            return False
        return any(one.get("name") == resource.plural for one in document.get("resources") or ())

    def _tell(self, wire: Obj, reason: str, message: str) -> None:
        labels = wire["metadata"]["labels"]
        key = labels[exposure.TRIGGER_NAMESPACE], labels[exposure.TRIGGER_NAME]
        trigger = self._catalog.trigger(*key)
        _log.warning("a route is not shown outside: %s", message, extra={"trigger": "/".join(key)})
        if isinstance(trigger, httptrigger_types.HTTPTrigger):
            self._recorder.event(objects.encode(trigger), "Warning", reason, message)
