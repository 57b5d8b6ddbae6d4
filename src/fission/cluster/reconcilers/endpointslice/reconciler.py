"""Keeps the EndpointSlices of Services: a change of a Service, of its pods or of a slice.

One worker: a slice follows its pods within a few milliseconds, and changes of many pods of one
Service that come together cost one write.
"""

from __future__ import annotations

from typing import Any

from fission.base import clock as clocks
from fission.cluster.reconcilers import informers as informers_module
from fission.cluster.reconcilers import selecting
from fission.cluster.reconcilers.endpointslice import plan as planning
from fission.kube import apply, client, lister, workqueue
from fission.kube import reconcile as reconciling
from fission.meta import gvk, labels, objectmeta

Obj = dict[str, Any]


class EndpointSliceReconciler:
    """Reconciles the slices of one Service by its key."""

    def __init__(
        self, kube: client.Client, informers: informers_module.Informers, clock: clocks.Clock
    ) -> None:
        self._kube = kube
        self._services = informers.get(gvk.SERVICES)
        self._pods = informers.get(gvk.PODS)
        self._slices = informers.get(gvk.ENDPOINTSLICES)
        self._selectors = selecting.Selectors()
        informers.index(gvk.ENDPOINTSLICES, informers_module.BY_CONTROLLER)
        informers.index(gvk.PODS, informers_module.BY_LABEL)
        self.queue: workqueue.WorkQueue[lister.Key] = workqueue.WorkQueue(clock)
        self._services.add_handler(self._service_changed)
        self._pods.add_handler(self._pod_changed)
        self._slices.add_handler(self._slice_changed)

    async def run(self) -> None:
        await reconciling.run(self.queue, self.reconcile, workers=2, name="endpointslice")

    async def reconcile(self, key: lister.Key) -> reconciling.Result:
        service = self._services.lister.get(*key)
        if service is None or objectmeta.is_deleting(service):
            return reconciling.DONE
        if not planning.has_selector(service):
            return reconciling.DONE
        uid = objectmeta.uid_of(service)
        slices = self._slices.lister.by_index(informers_module.BY_CONTROLLER, uid)
        pods = selecting.candidates(self._pods.lister, key[0], service["spec"]["selector"])
        plan = planning.plan(service, pods, slices)
        return await apply.apply(self._kube, plan)

    def _service_changed(self, old: Obj | None, new: Obj | None) -> None:
        key = lister.key_of(new or old or {})
        self._selectors.put(key, ((new or {}).get("spec") or {}).get("selector") or {})
        self.queue.add(key)

    def _pod_changed(self, old: Obj | None, new: Obj | None) -> None:
        namespace = objectmeta.namespace_of(new or old or {})
        for pod in (old, new):
            if pod is not None:
                for key in self._selectors.matching(namespace, labels.of(pod)):
                    self.queue.add(key)

    def _slice_changed(self, old: Obj | None, new: Obj | None) -> None:
        """Somebody changed or deleted a slice of ours, or our own write came back."""
        controller = objectmeta.controller_of(new or old or {})
        if controller is not None and controller.get("kind") == "Service":
            self.queue.add((objectmeta.namespace_of(new or old or {}), controller["name"]))
