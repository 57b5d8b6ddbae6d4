"""Changing the executor type of a function that is in use: the new is up before the old goes.

While pods of another type than the Function's are ready and none of its own type is, those of the
old type stay as they are and routers go on with them. The new type is asked for an address at once,
as a caller would: nobody else would ask, as long as the old one answers. When it has one, or cannot
get one, the old type's objects go their ordinary way. Nothing of this is remembered anywhere: an
executor that starts in the middle sees the same pods and comes to the same conclusion.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from fission.api import function_defaults, function_types, labels
from fission.base import errors, tasks
from fission.executor import catalog, dispatch, fscache
from fission.meta import labels as meta_labels
from fission.meta import podstate

logger = logging.getLogger(__name__)

Obj = dict[str, Any]
Generation = tuple[str, int]
"""UID and generation of a function."""


class Switches:
    """Which functions are between two executor types."""

    def __init__(
        self, known: catalog.Catalog, cache: fscache.FunctionServiceCache, group: tasks.Tasks
    ) -> None:
        self._catalog = known
        self._cache = cache
        self._group = group
        self._dispatch: dispatch.Dispatch | None = None
        self._over: Callable[[str], None] = lambda key: None
        self._ended: dict[str, int] = {}
        """UID → the generation whose switch is over, one way or the other."""
        self._running: set[Generation] = set()

    def start(self, executors: dispatch.Dispatch, over: Callable[[str], None]) -> None:
        """``over`` is told of a function (``namespace/name``) whose old objects may go."""
        self._dispatch = executors
        self._over = over
        self._catalog.functions.add_handler(self._on_function)

    def holds(self, function: function_types.Function) -> bool:
        """Whether objects of other types than the function's are to stay as they are."""
        if self._dispatch is None or not self._dispatch.supports(function):
            return False
        uid, generation = function.metadata.uid, function.metadata.generation
        if self._ended.get(uid) == generation or self._is_up(function):
            return False
        if not self._serves_otherwise(function):
            return False
        if (uid, generation) not in self._running:
            self._running.add((uid, generation))
            name = f"switch {catalog.function_key(function)}"
            self._group.spawn(self._switch(self._dispatch, function), name)
        return True

    def _is_up(self, function: function_types.Function) -> bool:
        metadata = function.metadata
        own = function_defaults.executor_type(function.spec)
        if own == function_types.POOLMGR:
            key = fscache.FunctionKey(metadata.uid, metadata.generation)
            return bool(self._cache.services(key))
        return any(
            podstate.is_ready(pod) and meta_labels.of(pod).get(labels.EXECUTOR_TYPE) == own
            for pod in self._catalog.workload_pods.lister.by_index(catalog.BY_UID, metadata.uid)
        )

    def _serves_otherwise(self, function: function_types.Function) -> bool:
        own = function_defaults.executor_type(function.spec)
        uid = function.metadata.uid
        pods = list(self._catalog.workload_pods.lister.by_index(catalog.BY_UID, uid))
        key = catalog.function_key(function)
        pods += [
            pod
            for pod in self._catalog.pods.lister.by_index(catalog.BY_FUNCTION, key)
            if meta_labels.of(pod).get(labels.SERVED) == "true"
            and meta_labels.of(pod).get(labels.FUNCTION_UID) == uid
        ]
        return any(
            podstate.is_ready(pod) and meta_labels.of(pod).get(labels.EXECUTOR_TYPE) != own
            for pod in pods
        )

    async def _switch(
        self, executors: dispatch.Dispatch, function: function_types.Function
    ) -> None:
        key, metadata = catalog.function_key(function), function.metadata
        generation = (metadata.uid, metadata.generation)
        try:
            executor = executors.executor(function)
            address = await executor.get_service(function)
            executor.untap(metadata, address)
            logger.info("executor type switched", extra={"function": key})
        except (errors.Error, asyncio.CancelledError) as error:
            logger.warning("executor type switched, but: %s", error, extra={"function": key})
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            self._running.discard(generation)
            self._ended[metadata.uid] = metadata.generation
            self._over(key)

    def _on_function(
        self, old: function_types.Function | None, new: function_types.Function | None
    ) -> None:
        if new is None and old is not None:
            self._ended.pop(old.metadata.uid, None)
