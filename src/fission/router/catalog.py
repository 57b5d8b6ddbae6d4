"""Functions and routes as of now: informers in, an immutable table and prepared functions out.

Changes within `DEBOUNCE_SECONDS` of each other make one table (with thousands of routes longer: see
`PAUSE_PER_BUILD`); the first after a pause makes one at once. A table is swapped in whole, so no
request sees half a change. Everything is rebuilt now and then, whatever was or was not noticed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from fission.api import function_types, httptrigger_types, objects
from fission.router import routetable, targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fission.router import endpoints

_log = logging.getLogger(__name__)

DEBOUNCE_SECONDS: Final = 0.02
PAUSE_PER_BUILD: Final = 10.0
"""A large table takes time to build: many changes in a row may not take more of a core than this
share, as requests wait meanwhile."""

Obj = dict[str, Any]


class Catalog:
    """What can be called."""

    def __init__(
        self,
        index: endpoints.EndpointIndex,
        default_stream_idle_seconds: float,
        on_table: Callable[[routetable.Table], None] = lambda table: None,
        on_function_gone: Callable[[str, str], None] = lambda namespace, name: None,
    ) -> None:
        self._index = index
        self._default_stream_idle_seconds = default_stream_idle_seconds
        self._on_table = on_table
        self._on_function_gone = on_function_gone
        self._targets: dict[targets.Key, targets.Target] = {}
        self._triggers: dict[routetable.Key, httptrigger_types.HTTPTrigger] = {}
        self._scheduled: asyncio.TimerHandle | None = None
        self._slots_of = index.slots_of
        self._built_at = 0.0
        self._build_seconds = 0.0
        self.table = routetable.Table()
        self.built = False
        """A table was built from what the informers know."""

    def lookup(self, namespace: str, name: str) -> targets.Target | None:
        """A function, prepared for calling."""
        return self._targets.get((namespace, name))

    def functions(self) -> Iterable[targets.Target]:
        """Every function."""
        return list(self._targets.values())

    def trigger(self, namespace: str, name: str) -> httptrigger_types.HTTPTrigger | None:
        """A trigger, as last seen."""
        return self._triggers.get((namespace, name))

    def function_changed(self, old: Obj | None, new: Obj | None) -> None:
        """An informer's handler."""
        wire = new if new is not None else old
        if wire is None:
            return
        key = (str(wire["metadata"].get("namespace", "")), str(wire["metadata"]["name"]))
        if new is None:
            self._targets.pop(key, None)
            self._on_function_gone(*key)
        else:
            function = objects.decode(function_types.Function, new)
            self._targets[key] = target = targets.make_target(
                new, function, self._slots_of, self._default_stream_idle_seconds
            )
            if self._index.knows(target.uid):
                _ = target.slots  # what serves it already is carried over from the one before
        self._schedule()

    def trigger_changed(self, old: Obj | None, new: Obj | None) -> None:
        """An informer's handler."""
        wire = new if new is not None else old
        if wire is None:
            return
        key = (str(wire["metadata"].get("namespace", "")), str(wire["metadata"]["name"]))
        if new is None:
            self._triggers.pop(key, None)
        else:
            self._triggers[key] = objects.decode(httptrigger_types.HTTPTrigger, new)
            before = (old or {}).get("metadata", {}).get("generation")
            if old is not None and before == new["metadata"].get("generation") and before:
                return  # only its status changed
        self._schedule()

    def rebuild(self) -> None:
        """Make and swap in a table of what is known."""
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        loop = asyncio.get_running_loop()
        self._built_at = loop.time()
        self.table = routetable.build(self._triggers.values(), self.lookup)
        known = self._targets.values()
        used = (each.known_slots for each in known if each.known_slots is not None)
        self._index.keep_only(used, {each.uid for each in known})
        self.built = True
        self._build_seconds = loop.time() - self._built_at
        _log.debug("route table was built", extra={"routes": len(self.table.routes)})
        self._on_table(self.table)

    async def resync(self, interval_seconds: float) -> None:
        """Rebuild now and then, until cancelled."""
        while True:
            await asyncio.sleep(interval_seconds)
            self.rebuild()

    def _schedule(self) -> None:
        if self._scheduled is None:
            loop = asyncio.get_running_loop()
            pause = max(DEBOUNCE_SECONDS, self._build_seconds * PAUSE_PER_BUILD)
            due = max(self._built_at + pause, loop.time())
            self._scheduled = loop.call_at(due, self.rebuild)
