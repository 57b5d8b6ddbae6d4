"""Carries out what the ownership graph demands.

Every kind of the catalog is watched, reduced to ``graph.Node``: from the shared informer where
there is one, otherwise by an informer that keeps nothing else. Deletions name uid and
resourceVersion, so an object that was adopted meanwhile is judged anew.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from fission.base import clock as clocks
from fission.cluster.reconcilers import catalog as catalog_module
from fission.cluster.reconcilers import informers as informers_module
from fission.cluster.reconcilers.garbagecollector import graph as graphs
from fission.kube import actions, apply, client, informer, workqueue
from fission.kube import reconcile as reconciling
from fission.meta import gvk, objectmeta, status

Obj = dict[str, Any]

WORKERS = 4
UNKNOWN_KIND_SECONDS = 30.0
"""Until an owner's kind is looked for again; its CRD may come later than its dependents."""
UNSYNCED_SECONDS = 0.2
"""Until every kind has been listed, nobody knows whether an owner's last dependent has gone."""


class GarbageCollector:
    """Judges objects by uid."""

    def __init__(
        self,
        kube: client.Client,
        informers: informers_module.Informers,
        catalog: catalog_module.Catalog,
        clock: clocks.Clock,
    ) -> None:
        self._kube = kube
        self._informers = informers
        self._catalog = catalog
        self._graph = graphs.Graph()
        self._followed: dict[gvk.Resource, informer.Informer[Any]] = {}
        self._tasks: dict[gvk.Resource, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self.queue: workqueue.WorkQueue[str] = workqueue.WorkQueue(clock)
        catalog.add_handler(self._changed.set)

    async def run(self) -> None:
        """Follow the catalog and judge until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(
                reconciling.run(
                    self.queue, self.reconcile, workers=WORKERS, name="garbagecollector"
                )
            )
            while True:
                await self._changed.wait()
                self._changed.clear()
                self._follow(group)

    async def reconcile(self, uid: str) -> reconciling.Result:
        verdict = self._graph.judge(uid)
        match verdict:
            case None:
                return reconciling.DONE
            case graphs.VisitDependents():
                for dependent in verdict.uids:
                    self.queue.add(dependent)
                return reconciling.DONE
            case graphs.Verify():
                return await self._verify(verdict)
            case graphs.DropFinalizer() | graphs.Orphan() if not self._is_complete():
                return reconciling.Result(requeue_after_seconds=UNSYNCED_SECONDS)
            case graphs.Orphan():
                strips = [make_strip(one, (verdict.node.uid,)) for one in verdict.dependents]
                return await apply.apply(self._kube, strips)
            case graphs.DropFinalizer() | graphs.DropOwners() | graphs.Delete():
                return await apply.apply(self._kube, [make_write(verdict)])

    async def _verify(self, verdict: graphs.Verify) -> reconciling.Result:
        """Look owners up that no watch has shown; kinds that nobody serves are left alone."""
        for owner in verdict.owners:
            resource = self._resource_of(owner)
            if resource is None:
                return reconciling.Result(requeue_after_seconds=UNKNOWN_KIND_SECONDS)
            namespace = verdict.node.namespace or None
            try:
                found = await self._kube.get(resource, owner.name, namespace)
            except status.NotFound:
                self._graph.gone(owner.uid)
                continue
            if objectmeta.uid_of(found) != owner.uid:
                self._graph.gone(owner.uid)
                continue
            for uid in self._graph.put(graphs.make_node(resource, found)):
                self.queue.add(uid)
        self.queue.add(verdict.node.uid)
        return reconciling.DONE

    def _resource_of(self, owner: graphs.Owner) -> gvk.Resource | None:
        for resource in self._catalog.resources:
            if (
                resource.kind == owner.kind
                and resource.group == gvk.split_api_version(owner.api_version)[0]
            ):
                return resource
        return None

    def _is_complete(self) -> bool:
        return bool(self._followed) and all(one.has_synced for one in self._followed.values())

    def _follow(self, group: asyncio.TaskGroup) -> None:
        """Watch what the catalog has, and nothing that it no longer has."""
        wanted = self._catalog.resources
        for resource in self._followed.keys() - wanted:
            if resource in self._tasks:
                del self._followed[resource]
                self._tasks.pop(resource).cancel()
        for resource in sorted(wanted - self._followed.keys(), key=lambda one: one.plural):
            if resource_key(resource) in self._informers:
                shared = self._informers.get(resource_key(resource))
                shared.add_handler(functools.partial(self._object_changed, resource))
                self._followed[resource] = shared
                continue
            own = informer.Informer(
                self._kube, resource, decode=functools.partial(graphs.make_node, resource)
            )
            own.add_handler(self._node_changed)
            self._followed[resource] = own
            self._tasks[resource] = group.create_task(
                own.run(), name=f"informer-gc-{resource.plural}"
            )

    def _object_changed(self, resource: gvk.Resource, old: Obj | None, new: Obj | None) -> None:
        self._node_changed(
            graphs.make_node(resource, old) if old is not None else None,
            graphs.make_node(resource, new) if new is not None else None,
        )

    def _node_changed(self, old: graphs.Node | None, new: graphs.Node | None) -> None:
        if new is not None:
            uids = self._graph.put(new)
        else:
            assert old is not None
            uids = self._graph.drop(old)
        for uid in uids:
            self.queue.add(uid)


_BY_NAME = {
    (resource.group, resource.plural): resource
    for resource in vars(gvk).values()
    if isinstance(resource, gvk.Resource)
}


def resource_key(resource: gvk.Resource) -> gvk.Resource:
    """The constant for a discovered resource: informers are shared by the constants."""
    known = _BY_NAME.get((resource.group, resource.plural))
    return known if known is not None and known.version == resource.version else resource


def make_write(
    verdict: graphs.Delete | graphs.DropOwners | graphs.DropFinalizer,
) -> actions.Action:
    """The write of a verdict."""
    node = verdict.node
    match verdict:
        case graphs.Delete():
            return actions.Delete(
                node.resource,
                node.namespace or None,
                node.name,
                uid=node.uid,
                resource_version=node.resource_version,
                propagation=verdict.propagation,
            )
        case graphs.DropOwners():
            return make_strip(node, verdict.uids)
        case graphs.DropFinalizer():
            kept = [one for one in node.finalizers if one != verdict.finalizer]
            return _patch(node, {"finalizers": kept or None})


def make_strip(node: graphs.Node, uids: tuple[str, ...]) -> actions.Action:
    """Take owners out of an object's owner references.

    A JSON patch that tests each entry before it removes it: custom resources know no strategic
    patch, and the reduced node does not hold the references whole.
    """
    operations: list[Obj] = []
    for index in reversed(range(len(node.owners))):
        if node.owners[index].uid in uids:
            path = f"/metadata/ownerReferences/{index}"
            operations.append(
                {"op": "test", "path": f"{path}/uid", "value": node.owners[index].uid}
            )
            operations.append({"op": "remove", "path": path})
    return actions.Patch(node.resource, node.namespace or None, node.name, operations, kind="json")


def _patch(node: graphs.Node, metadata: Obj) -> actions.Patch:
    precondition = {"uid": node.uid, "resourceVersion": node.resource_version}
    return actions.Patch(
        node.resource, node.namespace or None, node.name, {"metadata": {**precondition, **metadata}}
    )
