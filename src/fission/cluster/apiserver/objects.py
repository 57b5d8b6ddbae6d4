"""The store as the API server's own parts see it: ``hooks.Objects``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fission.cluster.apiserver import hooks, kinds, options, writer
from fission.cluster.storage import records, store
from fission.meta import gvk, status


class Reader:
    """Objects by resource; what strategies may look at."""

    def __init__(self, source: store.Store) -> None:
        self._store = source

    def get(self, resource: gvk.Resource, namespace: str, name: str) -> hooks.Object | None:
        home = namespace if resource.namespaced else ""
        record = self._store.get(records.Key(resource.group_resource, home, name))
        return record.value if record else None

    def list(self, resource: gvk.Resource, namespace: str | None = None) -> Sequence[hooks.Object]:
        found = self._store.select(resource.group_resource, namespace)
        return [record.value for record in found]

    def staged(self, resource: gvk.Resource) -> Sequence[hooks.Object]:
        """Every object as the next write finds it: what is being committed counts."""
        return [record.value for record in self._store.select_staged(resource.group_resource)]


class Objects(Reader):
    """Implements ``hooks.Objects``: reads, subscriptions and writes without HTTP."""

    def __init__(self, source: store.Store, served: kinds.Kinds, target: writer.Writer) -> None:
        super().__init__(source)
        self._kinds = served
        self._writer = target

    def subscribe(self, resource: gvk.Resource, on_change: hooks.OnChange) -> Callable[[], None]:
        def listener(event: records.Event) -> None:
            on_change(event.type, event.record.value)

        return self._store.listen(resource.group_resource, listener)

    async def mutate(
        self, resource: gvk.Resource, namespace: str, name: str, mutation: hooks.Mutation
    ) -> hooks.Object:
        def change(current: hooks.Object) -> hooks.Object:
            return mutation(current) or current

        kind = self._kind(resource)
        outcome = await self._writer.update(
            kind, namespace, name, change, subresource=writer.EVERYTHING
        )
        return outcome.value

    async def create(self, resource: gvk.Resource, obj: hooks.Object) -> hooks.Object:
        namespace = (obj.get("metadata") or {}).get("namespace") or ""
        return await self._writer.create(self._kind(resource), namespace, obj)

    async def delete(self, resource: gvk.Resource, namespace: str, name: str) -> None:
        try:
            await self._writer.delete(
                self._kind(resource), namespace, name, options.DeleteOptions()
            )
        except status.NotFound:
            return

    def _kind(self, resource: gvk.Resource) -> kinds.Kind:
        return self._kinds.of(resource)
