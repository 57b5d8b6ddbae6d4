"""What a container function should have, from what the cluster holds now."""

from __future__ import annotations

from fission.api import function_types
from fission.executor import catalog, podparts, requests
from fission.executor.container import resources
from fission.executor.workload import objects


class Maker:
    """A ``workload.reconciler.Maker``."""

    def __init__(self, known: catalog.Catalog, options: podparts.Options) -> None:
        self._catalog = known
        self._options = options

    async def make(self, function: function_types.Function) -> objects.Objects:
        """The objects; raises ExecutorError when something that they need is missing."""
        requests.check_reach(function)
        await self._catalog.check_settings(function)
        place = objects.Place(
            self._catalog.place_of(function.metadata.namespace),
            self._options.instance_id,
            self._options.owner_references,
        )
        settings_hash = self._catalog.settings_hash(function)
        return resources.make_objects(function, settings_hash, place, self._options)
