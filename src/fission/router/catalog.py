"""Functions and routes as of now: informers in, the route table and prepared functions out.

What changed is put into the table piece by piece, in slices of `SLICE_SECONDS` with a pause
between them, so that requests are relayed even while thousands of routes change; a single change is
there at once. Each trigger's change is whole: no request sees half of it. Now and then everything
is compared, whatever was or was not noticed.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final

from fission.api import function_types, httptrigger_types, objects
from fission.router import exposure, routetable, targets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fission.router import endpoints

_log = logging.getLogger(__name__)

SLICE_SECONDS: Final = 0.004
"""Longest work on the table before requests have their turn."""
PAUSE_SECONDS: Final = 0.004
COMPARED_AT_ONCE: Final = 500
SWEEP_SECONDS: Final = 0.02
"""Shortest pause between two searches for load figures that nobody needs any more."""
PAUSE_PER_SWEEP: Final = 20.0
"""With thousands of functions that takes time: it may not take more of a core than this share."""

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
        """`on_table` is called when the table changed; `on_decided` may be set and hears of which
        triggers are served now, or not any more, or are gone."""
        self._index = index
        self._default_stream_idle_seconds = default_stream_idle_seconds
        self._on_table = on_table
        self.on_decided: Callable[[Iterable[routetable.Key]], None] = lambda keys: None
        self._on_function_gone = on_function_gone
        self._targets: dict[targets.Key, targets.Target] = {}
        self._triggers: dict[routetable.Key, httptrigger_types.HTTPTrigger] = {}
        self._waiting: dict[routetable.Key, None] = {}
        """Triggers to be decided about, in order."""
        self._scheduled: asyncio.Handle | None = None
        self._sweep: asyncio.Handle | None = None
        self._sweep_pause = SWEEP_SECONDS
        self._slots_of = index.slots_of
        self.table = routetable.Table(self.lookup)
        self.built = False
        """The table has what the informers know."""

    def lookup(self, namespace: str, name: str) -> targets.Target | None:
        """A function, prepared for calling."""
        return self._targets.get((namespace, name))

    def functions(self) -> Iterable[targets.Target]:
        """Every function."""
        return list(self._targets.values())

    def trigger(self, namespace: str, name: str) -> httptrigger_types.HTTPTrigger | None:
        """A trigger, as last seen."""
        return self._triggers.get((namespace, name))

    def expose(self, exposed: exposure.Exposure) -> None:
        """Judge what triggers want to be shown with by these settings, from now on."""
        self.table.exposed = exposed

    def triggers(self) -> Iterable[httptrigger_types.HTTPTrigger]:
        """Every trigger, served or not."""
        return self._triggers.values()

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
        self._sweep_later()
        self._wait(self.table.callers(key))

    def trigger_changed(self, old: Obj | None, new: Obj | None) -> None:
        """An informer's handler."""
        wire = new if new is not None else old
        if wire is None:
            return
        key = (str(wire["metadata"].get("namespace", "")), str(wire["metadata"]["name"]))
        if new is None:
            self._triggers.pop(key, None)
        else:
            trigger = self._triggers[key] = objects.decode(httptrigger_types.HTTPTrigger, new)
            if old is not None and _edition(old) == _edition(new):
                self.table.renew(trigger)
                return  # only its status changed
        self._wait((key,))

    def rebuild(self) -> None:
        """Put everything that is known into the table, at once."""
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        waiting = {**self._waiting, **dict.fromkeys(self._stale(self._triggers))}
        self._waiting.clear()
        for key in waiting:
            self._decide(key)
        self.built = True
        self._on_table(self.table)
        self._forget()

    async def resync(self, interval_seconds: float) -> None:
        """Compare everything now and then, until cancelled."""
        while True:
            await asyncio.sleep(interval_seconds)
            keys = [*self._triggers, *self.table.routes, *self.table.refused]
            for start in range(0, len(keys), COMPARED_AT_ONCE):
                self._wait(self._stale(keys[start : start + COMPARED_AT_ONCE]))
                await asyncio.sleep(0)
            self._sweep_later()

    def _stale(self, keys: Iterable[routetable.Key]) -> list[routetable.Key]:
        """Those about which something else was decided than holds."""
        stale = []
        for key in keys:
            trigger = self._triggers.get(key)
            if trigger is None or not self.table.is_current(trigger):
                stale.append(key)
        return stale

    def _wait(self, keys: Iterable[routetable.Key]) -> None:
        self._waiting.update(dict.fromkeys(keys))
        if self._waiting and self._scheduled is None:
            self._scheduled = asyncio.get_running_loop().call_soon(self._apply)

    def _apply(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + SLICE_SECONDS
        self._scheduled = None
        while self._waiting:
            key = next(iter(self._waiting))
            del self._waiting[key]
            self._decide(key)
            if loop.time() > until:
                break
        if self._waiting:
            self._scheduled = loop.call_later(PAUSE_SECONDS, self._apply)
        self._on_table(self.table)

    def _decide(self, key: routetable.Key) -> None:
        trigger = self._triggers.get(key)
        try:
            changed = (
                self.table.put(trigger) if trigger is not None else {key, *self.table.drop(key)}
            )
        except Exception:
            _log.exception("a route was not understood", extra={"trigger": "/".join(key)})
            return
        if changed:
            self.on_decided(changed)

    def _sweep_later(self) -> None:
        if self._sweep is None:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(self._sweep_pause, self._forget)

    def _forget(self) -> None:
        """Drop the load figures of what is gone."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        loop = asyncio.get_running_loop()
        begun = loop.time()
        known = self._targets.values()
        used = (each.known_slots for each in known if each.known_slots is not None)
        self._index.keep_only(used, {each.uid for each in known})
        self._sweep_pause = max(SWEEP_SECONDS, (loop.time() - begun) * PAUSE_PER_SWEEP)


def _edition(wire: Obj) -> tuple[str, object]:
    """Another one with each change of an object's spec, and when it was made anew."""
    metadata = wire["metadata"]
    return metadata.get("uid", ""), metadata.get("generation") or metadata.get("resourceVersion")
