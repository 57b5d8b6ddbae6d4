"""Informers shared by all reconcilers: one watch and one copy of each collection.

``get`` before ``run``: reconcilers ask for what they need while they are constructed, and ``run``
starts exactly those. A shared index is added once, whoever asks first.
"""

from __future__ import annotations

import asyncio
from typing import Any

from fission.kube import client as client_module
from fission.kube import informer
from fission.meta import gvk, labels, objectmeta

Obj = dict[str, Any]

BY_CONTROLLER = "controller"
"""Index: objects by the uid of their controller; those of nobody by ``orphans_of(namespace)``."""
BY_LABEL = "label"
"""Index: objects by each label that they have, see ``label_of``."""


def orphans_of(namespace: str) -> str:
    """The index value of a namespace's objects without a controller; no uid looks like it."""
    return f"{namespace}/"


def label_of(namespace: str, name: str, value: str) -> str:
    """The index value of a namespace's objects with a label."""
    return f"{namespace}/{name}={value}"


def _by_label(obj: Obj) -> list[str]:
    namespace = objectmeta.namespace_of(obj)
    return [label_of(namespace, name, value) for name, value in labels.of(obj).items()]


def _by_controller(obj: Obj) -> list[str]:
    controller = objectmeta.controller_of(obj)
    if controller is None:
        return [orphans_of(objectmeta.namespace_of(obj))]
    return [str(controller.get("uid") or "")]


def _whole(obj: Obj) -> Obj:
    return obj


def _without_spec(obj: Obj) -> Obj:
    return {key: value for key, value in obj.items() if key != "spec"}


_REDUCED = {gvk.CRDS: _without_spec}
"""A definition's schema takes half a megabyte, and nobody here reads it."""
_INDEXES = {BY_CONTROLLER: _by_controller, BY_LABEL: _by_label}


class Informers:
    """Informers by resource, cluster-wide, objects in wire form."""

    def __init__(self, client: client_module.Client) -> None:
        self._client = client
        self._informers: dict[gvk.Resource, informer.Informer[Obj]] = {}
        self._indexes: set[tuple[gvk.Resource, str]] = set()

    def get(self, resource: gvk.Resource) -> informer.Informer[Obj]:
        """The informer of a resource, made when first asked for."""
        found = self._informers.get(resource)
        if found is None:
            decode = _REDUCED.get(resource, _whole)
            found = informer.Informer(self._client, resource, decode=decode)
            self._informers[resource] = found
        return found

    def index(self, resource: gvk.Resource, name: str) -> None:
        """Add one of the shared indexes to a resource's informer."""
        if (resource, name) not in self._indexes:
            self._indexes.add((resource, name))
            self.get(resource).add_index(name, _INDEXES[name])

    def __contains__(self, resource: gvk.Resource) -> bool:
        return resource in self._informers

    async def run(self) -> None:
        """Run all informers until cancelled."""
        async with asyncio.TaskGroup() as group:
            for resource, one in self._informers.items():
                group.create_task(one.run(), name=f"informer-{resource.plural}")

    async def wait_synced(self, timeout_seconds: float | None = None) -> None:
        """Wait until each has its first list."""
        for one in self._informers.values():
            await one.wait_synced(timeout_seconds)
