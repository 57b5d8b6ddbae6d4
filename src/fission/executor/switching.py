"""Changing the executor type of a function that is in use: the new is up before the old goes.

While pods of another type than the Function's are ready and none of its own type is, those of the
old type stay as they are and routers go on with them. The new type is asked for an address at once,
as a caller would: nobody else would ask, as long as the old one answers. When it has one, the old
type's objects go their ordinary way. While it cannot get one the old type serves on, an Event says
so, and it is tried again. Nothing of this is remembered anywhere: an executor that starts in the
middle sees the same pods and comes to the same conclusion.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from fission.api import function_defaults, function_types, labels
from fission.base import errors, tasks
from fission.executor import catalog, dispatch, fscache
from fission.meta import labels as meta_labels
from fission.meta import podstate

logger = logging.getLogger(__name__)

Obj = dict[str, Any]
Generation = tuple[str, int]
"""UID and generation of a function."""
Warn = Callable[[function_types.Function, str], None]
"""Tells a function's owner what is wrong although the function can be called."""

FIRST_RETRY_SECONDS: Final = 5.0
LARGEST_RETRY_SECONDS: Final = 60.0
"""Each try may cost a pod of the pool."""


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
        self._warn: Warn = lambda function, message: None
        self._ended: dict[str, int] = {}
        """UID → the generation whose switch is over."""
        self._running: set[Generation] = set()

    def start(self, executors: dispatch.Dispatch, over: Callable[[str], None], warn: Warn) -> None:
        """``over`` is told of a function (``namespace/name``) whose old objects may go."""
        self._dispatch = executors
        self._over = over
        self._warn = warn
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
        delay = FIRST_RETRY_SECONDS
        try:
            while not await self._is_switched(executors, function):
                await asyncio.sleep(delay)
                delay = min(delay * 2, LARGEST_RETRY_SECONDS)
                if not self._is_present(function) or not self._serves_otherwise(function):
                    break
        finally:
            self._running.discard((metadata.uid, metadata.generation))
        if self._is_present(function):
            self._ended[metadata.uid] = metadata.generation
        self._over(key)

    async def _is_switched(
        self, executors: dispatch.Dispatch, function: function_types.Function
    ) -> bool:
        """Ask the new type for an address; False, and the owner is told, when it has none."""
        own = function_defaults.executor_type(function.spec)
        try:
            executor = executors.executor(function)
            executor.untap(function.metadata, await executor.get_service(function))
        except errors.Error as error:
            if self._is_present(function):
                self._warn(
                    function,
                    f"pods of the executor type before {own} serve on, as it has none: {error}",
                )
            return False
        key = catalog.function_key(function)
        logger.info("executor type switched", extra={"function": key, "executorType": own})
        return True

    def _is_present(self, function: function_types.Function) -> bool:
        """Whether the function is still what it was when its switch began."""
        metadata = function.metadata
        found = self._catalog.functions.lister.get(metadata.namespace, metadata.name)
        return found is not None and (found.metadata.uid, found.metadata.generation) == (
            metadata.uid,
            metadata.generation,
        )

    def _on_function(
        self, old: function_types.Function | None, new: function_types.Function | None
    ) -> None:
        if new is None and old is not None:
            self._ended.pop(old.metadata.uid, None)
