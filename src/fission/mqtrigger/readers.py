"""Which triggers are read: a session for each, made anew when what it was made from changed.

A changed trigger is stopped gracefully before it goes on as it is now, so that no two sessions of
one trigger read at a time, and order is kept across an update.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from fission.base import tasks
from fission.mqtrigger import binding as bindings
from fission.mqtrigger import session

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Running:
    session: session.Session
    task: asyncio.Task[None]


class Readers:
    """The sessions of this process."""

    def __init__(self, deps: session.Deps, group: tasks.Tasks) -> None:
        self._deps = deps
        self._group = group
        self._running: dict[bindings.Key, _Running] = {}

    async def ensure(self, binding: bindings.Binding, secret: dict[str, bytes]) -> None:
        """Read it as it is now."""
        known = self._running.get(binding.key)
        if known is not None:
            same = known.session.binding == binding and known.session.secret == secret
            if same and not known.task.done():
                return
            await self._stop(binding.key)
            if known.session.binding.place != binding.place:
                self._forget(known.session)
        made = session.Session(binding, secret, self._deps)
        name = f"trigger {binding.namespace}/{binding.name}"
        self._running[binding.key] = _Running(made, self._group.spawn(made.run(), name))

    async def remove(self, key: bindings.Key, *, is_gone: bool = False) -> None:
        """Do not read it; with ``is_gone`` never again."""
        known = self._running.get(key)
        await self._stop(key)
        if is_gone and known is not None:
            self._forget(known.session)
        self._deps.metrics.forget(*key)

    def _forget(self, stopped: session.Session) -> None:
        self._group.spawn(stopped.forget(), f"group of {stopped.binding.uid}")

    async def _stop(self, key: bindings.Key) -> None:
        known = self._running.pop(key, None)
        if known is not None:
            known.task.cancel()
            await asyncio.gather(known.task, return_exceptions=True)
