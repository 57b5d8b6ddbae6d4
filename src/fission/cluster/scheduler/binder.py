"""The scheduling loop: pending pods in, bindings or a condition out.

A pod that fits nowhere gets PodScheduled=False with the reason, and is looked at again when a node
changes, when a pod ends, and every half minute.
"""

from __future__ import annotations

from typing import Any

from fission.base import clock as clocks
from fission.cluster.scheduler import facts, fit
from fission.kube import client, events, informer, lister, workqueue
from fission.kube import reconcile as reconciling
from fission.meta import gvk, status

Obj = dict[str, Any]

WORKERS = 4
LOOK_AGAIN_SECONDS = 30.0


class Binder:
    """Binds pods by key."""

    def __init__(
        self,
        kube: client.Client,
        pods: informer.Informer[facts.Pod],
        nodes: informer.Informer[facts.Node],
        recorder: events.Recorder,
        clock: clocks.Clock,
    ) -> None:
        self._kube = kube
        self._pods = pods
        self._nodes = nodes
        self._recorder = recorder
        self._clock = clock
        self._usage = fit.Usage()
        self._unschedulable: set[lister.Key] = set()
        self.queue: workqueue.WorkQueue[lister.Key] = workqueue.WorkQueue(clock)
        pods.add_handler(self._pod_changed)
        nodes.add_handler(self._node_changed)

    async def run(self) -> None:
        await reconciling.run(self.queue, self.bind, workers=WORKERS, name="scheduler")

    async def bind(self, key: lister.Key) -> reconciling.Result:
        """Bind one pod if it waits for that."""
        pod = self._pods.lister.get(*key)
        if pod is None or not pod.waiting or self._usage.node_of(pod.uid):
            self._unschedulable.discard(key)
            return reconciling.DONE
        chosen = fit.choose(pod, self._nodes.lister.list(), self._usage)
        if isinstance(chosen, fit.Unschedulable):
            self._unschedulable.add(key)
            await self._mark_unschedulable(pod, chosen.message)
            return reconciling.Result(requeue_after_seconds=LOOK_AGAIN_SECONDS)
        self._unschedulable.discard(key)
        self._usage.count(pod, chosen.name)  # before the call: another worker may decide meanwhile
        try:
            await self._kube.create(
                gvk.PODS,
                make_binding(pod, chosen.name),
                pod.namespace,
                name=pod.name,
                subresource="binding",
            )
        except BaseException:
            self._recount(pod)
            raise
        message = f"Successfully assigned {pod.namespace}/{pod.name} to {chosen.name}"
        self._recorder.event(reference(pod), events.NORMAL, "Scheduled", message)
        return reconciling.DONE

    def _recount(self, pod: facts.Pod) -> None:
        """The binding failed, or was made although its answer got lost."""
        current = self._pods.lister.get(*pod.key)
        if current is not None and current.uid == pod.uid and current.node:
            self._usage.count(current, current.node)
        else:
            self._usage.forget(pod.uid)

    async def _mark_unschedulable(self, pod: facts.Pod, message: str) -> None:
        said = ("False", "Unschedulable", message)
        if pod.condition == said:
            return
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": None,
            "lastTransitionTime": clocks.format_rfc3339(self._clock.now()),
            "reason": "Unschedulable",
            "message": message,
        }
        patch = {"metadata": {"uid": pod.uid}, "status": {"conditions": [condition]}}
        try:
            await self._kube.patch(
                gvk.PODS, pod.name, patch, pod.namespace, kind="strategic", subresource="status"
            )
        except status.NotFound:
            return
        self._recorder.event(reference(pod), events.WARNING, "FailedScheduling", message)

    def _pod_changed(self, old: facts.Pod | None, new: facts.Pod | None) -> None:
        if new is None:
            if old is not None:
                self._usage.forget(old.uid)
                self._look_again()
            return
        if new.node or not new.active:
            self._usage.count(new, new.node)
            if not new.active:
                self._look_again()
        if new.waiting:
            self.queue.add(new.key)

    def _node_changed(self, old: facts.Node | None, new: facts.Node | None) -> None:
        if new is not None and new != old:
            self._look_again()

    def _look_again(self) -> None:
        for key in self._unschedulable:
            self.queue.add(key)


def make_binding(pod: facts.Pod, node: str) -> Obj:
    """The request that binds exactly the pod that was seen."""
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }


def reference(pod: facts.Pod) -> Obj:
    """As much of the pod as an Event about it needs."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod.name,
            "namespace": pod.namespace,
            "uid": pod.uid,
            "resourceVersion": pod.resource_version,
        },
    }
