"""What the API server's parts need of a store, held in memory."""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from fission.base import clock, ids
from fission.cluster.apiserver import hooks
from fission.meta import gvk, status


class MemoryObjects:
    """``hooks.Objects`` over a dict; subscribers are called after each change."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str, str, str], dict[str, Any]] = {}
        self._subscribers: list[tuple[gvk.Resource, hooks.OnChange]] = []

    def put(self, resource: gvk.Resource, obj: dict[str, Any]) -> dict[str, Any]:
        metadata = obj.setdefault("metadata", {})
        metadata.setdefault("uid", ids.new_uid())
        if resource.namespaced:
            metadata.setdefault("namespace", "default")
        key = self._key(resource, metadata.get("namespace", ""), metadata["name"])
        change: hooks.ChangeType = "MODIFIED" if key in self._objects else "ADDED"
        self._objects[key] = obj
        self._tell(resource, change, obj)
        return obj

    def get(self, resource: gvk.Resource, namespace: str, name: str) -> dict[str, Any] | None:
        return self._objects.get(self._key(resource, namespace, name))

    def list(
        self, resource: gvk.Resource, namespace: str | None = None
    ) -> Sequence[dict[str, Any]]:
        return [
            obj
            for (group, plural, where, _), obj in sorted(self._objects.items())
            if (group, plural) == (resource.group, resource.plural) and namespace in (None, where)
        ]

    def subscribe(self, resource: gvk.Resource, on_change: hooks.OnChange) -> Callable[[], None]:
        entry = (resource, on_change)
        self._subscribers.append(entry)
        return lambda: self._subscribers.remove(entry)

    async def mutate(
        self, resource: gvk.Resource, namespace: str, name: str, mutation: hooks.Mutation
    ) -> dict[str, Any]:
        current = self.get(resource, namespace, name)
        if current is None:
            raise status.not_found(resource, name)
        changed = mutation(copy.deepcopy(current))
        return current if changed is None or changed == current else self.put(resource, changed)

    async def create(self, resource: gvk.Resource, obj: dict[str, Any]) -> dict[str, Any]:
        metadata = obj["metadata"]
        if self.get(resource, metadata.get("namespace", ""), metadata["name"]):
            raise status.already_exists(resource, metadata["name"])
        return self.put(resource, obj)

    async def delete(self, resource: gvk.Resource, namespace: str, name: str) -> None:
        found = self.get(resource, namespace, name)
        if found is None:
            return
        if found["metadata"].get("finalizers"):
            found["metadata"].setdefault("deletionTimestamp", "2026-01-01T00:00:00Z")
            self._tell(resource, "MODIFIED", found)
            return
        del self._objects[self._key(resource, namespace, name)]
        self._tell(resource, "DELETED", found)

    def _key(self, resource: gvk.Resource, namespace: str, name: str) -> tuple[str, str, str, str]:
        return resource.group, resource.plural, namespace, name

    def _tell(self, resource: gvk.Resource, change: hooks.ChangeType, obj: dict[str, Any]) -> None:
        for wanted, on_change in list(self._subscribers):
            if (wanted.group, wanted.plural) == (resource.group, resource.plural):
                on_change(change, obj)


@pytest.fixture
def objects() -> MemoryObjects:
    return MemoryObjects()


@pytest.fixture
def manual_clock() -> clock.ManualClock:
    return clock.ManualClock()
