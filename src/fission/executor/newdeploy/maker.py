"""What a newdeploy function should have, from what the cluster holds now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fission.api import function_types
from fission.executor import catalog, podparts, requests
from fission.executor.newdeploy import resources
from fission.executor.workload import objects


class Maker:
    """A ``workload.reconciler.Maker``."""

    def __init__(
        self,
        known: catalog.Catalog,
        provide: Callable[[str], Awaitable[None]],
        options: podparts.Options,
    ) -> None:
        """``provide`` makes what fetchers need in a namespace."""
        self._catalog = known
        self._provide = provide
        self._options = options

    async def make(self, function: function_types.Function) -> objects.Objects:
        """The objects; raises ExecutorError when something that they need is missing."""
        requests.check_reach(function)
        environment = await self._catalog.environment(function)
        requests.check_loadable(await self._catalog.package(function))
        await self._catalog.check_settings(function)
        namespace = self._catalog.place_of(function.metadata.namespace)
        await self._provide(namespace)
        place = objects.Place(namespace, self._options.instance_id, self._options.owner_references)
        settings_hash = self._catalog.settings_hash(function)
        return resources.make_objects(function, environment, settings_hash, place, self._options)
