"""Which triggers are followed: one follower for each, begun anew when its spec changes."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from typing import Final

from fission.api import kuberneteswatchtrigger_types, objects, resources
from fission.kube import informer, reconcile, workqueue
from fission.kubewatcher import follower, kinds, telling

logger = logging.getLogger(__name__)

WORKERS: Final = 4
Trigger = kuberneteswatchtrigger_types.KubernetesWatchTrigger


@dataclasses.dataclass(frozen=True)
class _Running:
    what: tuple[str, int]
    """UID and generation of the trigger."""
    follower: follower.Follower
    task: asyncio.Task[None]


class Followers:
    """All triggers of the namespaces that are ours."""

    def __init__(self, deps: telling.Deps, namespace: str | None) -> None:
        self._deps = deps
        self._kinds = kinds.Kinds(deps.kube, deps.clock, deps.settings.retry_seconds)
        self.informer = informer.Informer(
            deps.kube,
            resources.KUBERNETESWATCHTRIGGERS,
            namespace,
            decode=lambda wire: objects.decode(Trigger, wire),
        )
        self._queue: workqueue.WorkQueue[str] = workqueue.WorkQueue(deps.clock)
        self._running: dict[str, _Running] = {}
        self.informer.add_handler(self._on_change)

    async def run(self) -> None:
        """Follow until cancelled."""
        try:
            await reconcile.run(self._queue, self._reconcile, workers=WORKERS, name="followers")
        finally:
            tasks = [running.task for running in self._running.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _on_change(self, old: Trigger | None, new: Trigger | None) -> None:
        metadata = (new or old or Trigger()).metadata
        self._queue.add(f"{metadata.namespace}/{metadata.name}")

    async def _reconcile(self, key: str) -> None:
        namespace, name = key.split("/", 1)
        trigger = self.informer.lister.get(namespace, name)
        if trigger is not None and trigger.metadata.deletion_timestamp:
            trigger = None
        wanted = (trigger.metadata.uid, trigger.metadata.generation) if trigger else None
        running = self._running.get(key)
        if running is not None:
            if running.what == wanted and not running.task.done():
                return
            await self._stop(key, running, is_gone=trigger is None)
        if trigger is None or wanted is None:
            self._deps.records.forget(namespace, name)
            self._deps.metrics.forget(namespace, name)
            return
        made = follower.Follower(self._deps, self._kinds, trigger)
        task = asyncio.get_running_loop().create_task(made.run(), name=f"follower {key}")
        task.add_done_callback(lambda done: self._ended(key, done))
        self._running[key] = _Running(wanted, made, task)

    async def _stop(self, key: str, running: _Running, *, is_gone: bool) -> None:
        if is_gone:
            running.follower.discard()
        running.task.cancel()
        await asyncio.wait({running.task})
        del self._running[key]

    def _ended(self, key: str, task: asyncio.Task[None]) -> None:
        """A follower never ends by itself: a mistake of ours is logged; later it begins again."""
        if task.cancelled():
            return
        logger.error("follower ended", exc_info=task.exception(), extra={"trigger": key})
        self._queue.add_after(key, self._deps.settings.retry_seconds)
