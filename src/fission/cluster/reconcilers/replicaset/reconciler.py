"""Keeps ReplicaSets: observe from informers, plan, write pods, then write the status.

One worker for each of a few keys at a time; a key is never handled twice at once, and pods written
a moment ago are known by ``assumed``, so no surplus is ever created.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from fission.base import clock as clocks
from fission.base import errors
from fission.cluster.reconcilers import informers as informers_module
from fission.cluster.reconcilers import ownership, selecting
from fission.cluster.reconcilers.replicaset import assumed as assumed_module
from fission.cluster.reconcilers.replicaset import plan as planning
from fission.kube import actions, apply, client, events, lister, workqueue
from fission.kube import reconcile as reconciling
from fission.meta import gvk, labels, objectmeta, status

Obj = dict[str, Any]

WORKERS = 4
FIRST_BATCH = 8
"""Creations tried together before more follow: a failing one must not fail by the hundred."""
SETTLE_SECONDS = 0.2
"""How long it may go unwritten that a pod is not ready: its replacement mostly is by then."""


class ReplicaSetReconciler:
    """Reconciles one ReplicaSet by key."""

    def __init__(
        self,
        kube: client.Client,
        informers: informers_module.Informers,
        recorder: events.Recorder,
        clock: clocks.Clock,
    ) -> None:
        self._kube = kube
        self._recorder = recorder
        self._clock = clock
        self._replicasets = informers.get(gvk.REPLICASETS)
        self._pods = informers.get(gvk.PODS)
        self._assumed = assumed_module.Assumed()
        self._settled_at: dict[str, float] = {}
        """When the status of a ReplicaSet with fewer ready pods is written, by its uid."""
        self.queue: workqueue.WorkQueue[lister.Key] = workqueue.WorkQueue(clock)
        informers.index(gvk.PODS, informers_module.BY_CONTROLLER)
        informers.index(gvk.PODS, informers_module.BY_LABEL)
        self._replicasets.add_handler(self._replicaset_changed)
        self._pods.add_handler(self._pod_changed)

    async def run(self) -> None:
        await reconciling.run(self.queue, self.reconcile, workers=WORKERS, name="replicaset")

    async def reconcile(self, key: lister.Key) -> reconciling.Result:
        replicaset = self._replicasets.lister.get(*key)
        if replicaset is None:
            return reconciling.DONE
        uid = objectmeta.uid_of(replicaset)
        candidates = self._candidates(replicaset)
        plan = planning.plan(
            replicaset, self._assumed.overlay(uid, candidates, self._clock.monotonic())
        )
        created, failure = await self._write(replicaset, plan)
        pods = self._assumed.overlay(uid, [*plan.pods, *created], self._clock.monotonic())
        return await self._write_status(replicaset, pods, failure)

    def _candidates(self, replicaset: Obj) -> list[Obj]:
        """Its own pods, and those of nobody that it may select."""
        pods = self._pods.lister
        namespace = objectmeta.namespace_of(replicaset)
        own = pods.by_index(informers_module.BY_CONTROLLER, objectmeta.uid_of(replicaset))
        wanted = (replicaset["spec"].get("selector") or {}).get("matchLabels")
        if wanted:
            found = selecting.candidates(pods, namespace, wanted)
            return own + [pod for pod in found if objectmeta.controller_of(pod) is None]
        orphans = informers_module.orphans_of(namespace)
        return own + pods.by_index(informers_module.BY_CONTROLLER, orphans)

    async def _write(
        self, replicaset: Obj, plan: planning.Plan
    ) -> tuple[list[Obj], tuple[str, errors.Error] | None]:
        """Carry the plan out; the pods created, and the reason and error of what failed."""
        (created, not_created), not_deleted, _ = await asyncio.gather(
            self._create(replicaset, plan.creations),
            self._delete(replicaset, plan.deletions),
            self._claim(plan.claims),
        )
        if not_created is not None:
            return created, ("FailedCreate", not_created)
        if not_deleted is not None:
            return created, ("FailedDelete", not_deleted)
        return created, None

    async def _create(
        self, replicaset: Obj, creations: tuple[actions.Create, ...]
    ) -> tuple[list[Obj], errors.Error | None]:
        created: list[Obj] = []
        batch = FIRST_BATCH
        while creations:
            outcomes = await apply.apply_together(self._kube, creations[:batch])
            failed = self._take_created(replicaset, outcomes)
            created += [outcome for outcome in outcomes if isinstance(outcome, dict)]
            if failed is not None:
                self._tell(replicaset, "Warning", "FailedCreate", f"Error creating: {failed}")
                return created, failed
            creations, batch = creations[batch:], batch * 2
        return created, None

    def _take_created(
        self, replicaset: Obj, outcomes: Iterable[Obj | BaseException | None]
    ) -> errors.Error | None:
        failed: errors.Error | None = None
        for outcome in outcomes:
            if isinstance(outcome, errors.Error):
                failed = outcome
            elif isinstance(outcome, BaseException):
                raise outcome
            elif outcome is not None:
                name = objectmeta.name_of(outcome)
                known = self._pods.lister.get(objectmeta.namespace_of(outcome), name)
                if known is None or objectmeta.uid_of(known) != objectmeta.uid_of(outcome):
                    owner = objectmeta.uid_of(replicaset)
                    self._assumed.created(owner, outcome, self._clock.monotonic())
                self._tell(replicaset, "Normal", "SuccessfulCreate", f"Created pod: {name}")
        return failed

    async def _delete(
        self, replicaset: Obj, deletions: tuple[actions.Delete, ...]
    ) -> errors.Error | None:
        for deletion in deletions:
            self._assumed.deleted(str(deletion.uid), self._clock.monotonic())
        outcomes = await apply.apply_together(self._kube, deletions)
        failed: errors.Error | None = None
        for deletion, outcome in zip(deletions, outcomes, strict=True):
            if isinstance(outcome, errors.Error):
                failed = outcome
                self._assumed.forget(str(deletion.uid))
                message = f"Error deleting: {outcome}"
                self._tell(replicaset, "Warning", "FailedDelete", message)
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                message = f"Deleted pod: {deletion.name}"
                self._tell(replicaset, "Normal", "SuccessfulDelete", message)
        return failed

    async def _claim(self, claims: tuple[actions.Patch, ...]) -> None:
        """Adopt and release; a pod that went or changed meanwhile is seen next time."""
        for outcome in await apply.apply_together(self._kube, claims):
            if isinstance(outcome, BaseException) and not isinstance(
                outcome, (status.NotFound, status.Conflict, status.Invalid)
            ):
                raise outcome

    async def _write_status(
        self, replicaset: Obj, pods: list[Obj], failed: tuple[str, errors.Error] | None
    ) -> reconciling.Result:
        failure = None if failed is None else (failed[0], str(failed[1]))
        new_status, change_in = planning.make_status(replicaset, pods, self._clock.now(), failure)
        wait = self._settling(replicaset, new_status)
        if wait and failed is None:
            return reconciling.Result(requeue_after_seconds=wait)
        write = planning.with_status(replicaset, new_status)
        result = reconciling.DONE
        if write is not None:
            result = await apply.apply(self._kube, [write])
        if failed is not None:
            raise failed[1]
        if result is reconciling.DONE and change_in is not None:
            return reconciling.Result(requeue_after_seconds=change_in)
        return result

    def _settling(self, replicaset: Obj, new_status: Obj) -> float:
        """For how long the status as it is written stays, should it be right again soon."""
        uid, now = objectmeta.uid_of(replicaset), self._clock.monotonic()
        if not planning.only_waits(replicaset, new_status):
            self._settled_at.pop(uid, None)
            return 0.0
        left = self._settled_at.setdefault(uid, now + SETTLE_SECONDS) - now
        if left <= 0:
            del self._settled_at[uid]
        return max(0.0, left)

    def _tell(self, replicaset: Obj, type: str, reason: str, message: str) -> None:
        self._recorder.event(replicaset, type, reason, message)

    def _replicaset_changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is None and old is not None:
            self._settled_at.pop(objectmeta.uid_of(old), None)
        self.queue.add(lister.key_of(new or old or {}))

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> None:
        self._assumed.seen(old, new)
        for pod in (old, new):
            controller = objectmeta.controller_of(pod) if pod is not None else None
            if pod is None or controller is None or controller.get("kind") != "ReplicaSet":
                continue
            self.queue.add((objectmeta.namespace_of(pod), controller["name"]))
        if new is not None and objectmeta.controller_of(new) is None:
            self._orphan_changed(old, new)

    def _orphan_changed(self, old: Obj | None, new: Obj) -> None:
        """A pod of nobody may belong to a ReplicaSet that selects it."""
        was_orphan = old is not None and objectmeta.controller_of(old) is None
        if old is not None and was_orphan and labels.of(old) == labels.of(new):
            return
        for replicaset in self._replicasets.lister.list(objectmeta.namespace_of(new)):
            if ownership.selector_of(replicaset).matches(labels.of(new)):
                self.queue.add(lister.key_of(replicaset))
