"""Keeps Deployments: observe from informers, plan one step, apply it; its events bring the next."""

from __future__ import annotations

from typing import Any

from fission.base import clock as clocks
from fission.cluster.reconcilers import informers as informers_module
from fission.cluster.reconcilers import ownership
from fission.cluster.reconcilers.deployment import plan as planning
from fission.cluster.reconcilers.deployment import revisions, rollout
from fission.kube import apply, client, events, lister, workqueue
from fission.kube import reconcile as reconciling
from fission.meta import gvk, labels, objectmeta

Obj = dict[str, Any]

WORKERS = 4


class DeploymentReconciler:
    """Reconciles one Deployment by key."""

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
        self._deployments = informers.get(gvk.DEPLOYMENTS)
        self._replicasets = informers.get(gvk.REPLICASETS)
        self._pods = informers.get(gvk.PODS)
        informers.index(gvk.REPLICASETS, informers_module.BY_CONTROLLER)
        informers.index(gvk.PODS, informers_module.BY_CONTROLLER)
        self.queue: workqueue.WorkQueue[lister.Key] = workqueue.WorkQueue(clock)
        self._deployments.add_handler(self._deployment_changed)
        self._replicasets.add_handler(self._replicaset_changed)
        self._pods.add_handler(self._pod_changed)

    async def run(self) -> None:
        await reconciling.run(self.queue, self.reconcile, workers=WORKERS, name="deployment")

    async def reconcile(self, key: lister.Key) -> reconciling.Result:
        deployment = self._deployments.lister.get(*key)
        if deployment is None:
            return reconciling.DONE
        plan = planning.plan(deployment, self._observe(deployment), self._clock.now())
        result = await apply.apply(self._kube, plan.writes)
        if result is not reconciling.DONE:
            return result
        for type_, reason, message in plan.events:
            self._recorder.event(deployment, type_, reason, message)
        result = await apply.apply(self._kube, plan.status_writes)
        if result is not reconciling.DONE:
            return result
        return reconciling.Result(requeue_after_seconds=plan.look_again_seconds)

    def _observe(self, deployment: Obj) -> planning.Observed:
        index = informers_module.BY_CONTROLLER
        namespace = objectmeta.namespace_of(deployment)
        own = self._replicasets.lister.by_index(index, objectmeta.uid_of(deployment))
        orphans = self._replicasets.lister.by_index(index, informers_module.orphans_of(namespace))
        pods: list[Obj] = []
        if not rollout.is_rolling(deployment):
            for replicaset in own:
                pods += self._pods.lister.by_index(index, objectmeta.uid_of(replicaset))
        namesake = self._replicasets.lister.get(namespace, revisions.replicaset_name(deployment))
        return planning.Observed(own + orphans, pods, namesake)

    def _deployment_changed(self, old: Obj | None, new: Obj | None) -> None:
        self.queue.add(lister.key_of(new or old or {}))

    def _replicaset_changed(self, old: Obj | None, new: Obj | None) -> None:
        for replicaset in (old, new):
            controller = objectmeta.controller_of(replicaset) if replicaset is not None else None
            if replicaset is None:
                continue
            namespace = objectmeta.namespace_of(replicaset)
            if controller is not None:
                if controller.get("kind") == "Deployment":
                    self.queue.add((namespace, controller["name"]))
                continue
            for deployment in self._deployments.lister.list(namespace):
                if ownership.selector_of(deployment).matches(labels.of(replicaset)):
                    self.queue.add(lister.key_of(deployment))

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> None:
        """The last old pod has gone: ``Recreate`` goes on. Counts come with the ReplicaSet."""
        if new is not None or old is None:
            return
        controller = objectmeta.controller_of(old)
        if controller is None or controller.get("kind") != "ReplicaSet":
            return
        replicaset = self._replicasets.lister.get(objectmeta.namespace_of(old), controller["name"])
        owner = objectmeta.controller_of(replicaset) if replicaset is not None else None
        if owner is not None:
            self.queue.add((objectmeta.namespace_of(old), owner["name"]))
