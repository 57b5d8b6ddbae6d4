"""Furnishes namespaces and empties those that are being deleted.

An emptying pass deletes every collection of the catalog and lists what is left; it is repeated
until nothing is, and then the namespace's own finalizer goes.
"""

from __future__ import annotations

import collections
from typing import Any

from fission.base import clock as clocks
from fission.cluster.reconcilers import catalog as catalog_module
from fission.cluster.reconcilers import informers as informers_module
from fission.cluster.reconcilers.namespace import plan as planning
from fission.kube import actions, apply, client, workqueue
from fission.kube import reconcile as reconciling
from fission.meta import gvk, objectmeta, status

Obj = dict[str, Any]

EMPTYING_SECONDS = 0.25
"""Between two passes over a namespace whose pods or finalizers take their time."""


class NamespaceReconciler:
    """Reconciles one namespace by name."""

    def __init__(
        self,
        kube: client.Client,
        informers: informers_module.Informers,
        catalog: catalog_module.Catalog,
        clock: clocks.Clock,
        ca_pem: str | None,
    ) -> None:
        self._kube = kube
        self._catalog = catalog
        self._clock = clock
        self._ca_pem = ca_pem
        self._namespaces = informers.get(gvk.NAMESPACES)
        self.queue: workqueue.WorkQueue[str] = workqueue.WorkQueue(clock)
        self._namespaces.add_handler(self._namespace_changed)

    async def run(self) -> None:
        await reconciling.run(self.queue, self.reconcile, workers=2, name="namespace")

    async def reconcile(self, name: str) -> reconciling.Result:
        namespace = self._namespaces.lister.get(None, name)
        if namespace is None:
            return reconciling.DONE
        if objectmeta.is_deleting(namespace):
            return await self._empty(namespace)
        return await self._furnish(name)

    async def _furnish(self, name: str) -> reconciling.Result:
        account = await self._find(gvk.SERVICEACCOUNTS, planning.DEFAULT_ACCOUNT, name)
        root_ca = await self._find(gvk.CONFIGMAPS, planning.ROOT_CA, name)
        plan = planning.plan_furniture(name, account is not None, root_ca, self._ca_pem)
        return await apply.apply(self._kube, plan)

    async def _find(self, resource: gvk.Resource, name: str, namespace: str) -> Obj | None:
        try:
            return await self._kube.get(resource, name, namespace)
        except status.NotFound:
            return None

    async def _empty(self, namespace: Obj) -> reconciling.Result:
        if not planning.is_held(namespace):
            return reconciling.DONE
        if not self._catalog.resources:
            return reconciling.Result(requeue_after_seconds=EMPTYING_SECONDS)
        name = objectmeta.name_of(namespace)
        content = await self._delete_content(name)
        told = planning.with_conditions(namespace, content, self._clock.now())
        if told is not None:
            write = actions.UpdateStatus(gvk.NAMESPACES, told)
            namespace = await apply.apply_one(self._kube, write) or namespace
        if not content.is_empty:
            return reconciling.Result(requeue_after_seconds=EMPTYING_SECONDS)
        await self._kube.replace(
            gvk.NAMESPACES, planning.finalized(namespace), subresource="finalize"
        )
        return reconciling.DONE

    async def _delete_content(self, name: str) -> planning.Content:
        by_resource: dict[str, int] = {}
        by_finalizer: collections.Counter[str] = collections.Counter()
        failures: list[str] = []
        for resource in sorted(self._catalog.resources, key=lambda one: one.group_resource):
            if not resource.namespaced:
                continue
            try:
                left = await self._delete_collection(resource, name)
            except (status.NotFound, status.MethodNotAllowed):
                continue  # its CRD has gone meanwhile, or it keeps nothing
            except status.StatusError as error:
                failures.append(f"{resource.group_resource}: {error}")
                continue
            if left:
                by_resource[resource.group_resource] = len(left)
            for obj in left:
                by_finalizer.update(obj["metadata"].get("finalizers") or ())
        await self._kube.delete_collection(gvk.EVENTS, name)
        return planning.Content(by_resource, by_finalizer, tuple(failures))

    async def _delete_collection(self, resource: gvk.Resource, name: str) -> list[Obj]:
        """Delete what is not yet being deleted; return what is still there."""
        left = (await self._kube.list(resource, name)).items
        if any(not objectmeta.is_deleting(obj) for obj in left):
            await self._kube.delete_collection(resource, name)
            left = (await self._kube.list(resource, name)).items
        return left

    def _namespace_changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            self.queue.add(objectmeta.name_of(new))
