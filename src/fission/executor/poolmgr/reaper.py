"""Gives idle pods back, every few seconds. The choice is ``idle``'s."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Collection

from fission.api import environment_defaults, function_defaults, function_types
from fission.base import clock as clocks
from fission.executor import catalog, fscache, idle

Drain = Callable[[fscache.FunctionService, str], None]
IsHeld = Callable[[fscache.FunctionService], Awaitable[bool]]
"""Whether the pod is in use by something that the cache does not count."""
Kept = Callable[[function_types.Function], Collection[str]]
"""UIDs of a function's pods that stay however idle they are."""


class Reaper:
    """Looks at the cache; a function that does not exist any more is the pod reconciler's."""

    def __init__(
        self,
        cache: fscache.FunctionServiceCache,
        known: catalog.Catalog,
        drain: Drain,
        is_held: IsHeld,
        *,
        kept: Kept,
        interval_seconds: float,
        clock: clocks.Clock,
    ) -> None:
        self._kept = kept
        self._cache = cache
        self._catalog = known
        self._drain = drain
        self._is_held = is_held
        self._interval_seconds = interval_seconds
        self._clock = clock

    async def run(self) -> None:
        """Reap until cancelled."""
        while True:
            await asyncio.sleep(self._interval_seconds)
            await self.reap()

    async def reap(self) -> list[fscache.FunctionService]:
        """Drain what is idle; returns it."""
        planned = self._plan()
        held = await asyncio.gather(*(self._is_held(service) for service in planned))
        idle_still = {id(service) for service in self._plan()} if planned else set()
        reaped = []
        for service, is_held in zip(planned, held, strict=True):
            if is_held:
                self._cache.touch(service.key.uid, service.address, self._clock.monotonic())
            elif id(service) in idle_still:
                self._drain(service, "the pod was idle")
                reaped.append(service)
        return reaped

    def _plan(self) -> list[fscache.FunctionService]:
        planned: list[fscache.FunctionService] = []
        now = self._clock.monotonic()
        services = sorted(self._cache.services(), key=_group)
        for _, group in itertools.groupby(services, key=_group):
            members = list(group)
            function = self._function(members[0].key)
            if function is None or self._is_shared(function):
                continue
            policy = idle.Policy(
                function_defaults.idle_timeout_seconds(function.spec), function.spec.retain_pods
            )
            planned += idle.plan_reap(members, policy, now, self._kept(function))
        return planned

    def _function(self, key: fscache.FunctionKey) -> function_types.Function | None:
        found = self._catalog.functions.lister.by_index(catalog.BY_UID, key.uid)
        return found[0] if found else None

    def _is_shared(self, function: function_types.Function) -> bool:
        namespace, name = catalog.environment_key(function).split("/", 1)
        environment = self._catalog.environments.lister.get(namespace, name)
        return environment is not None and environment_defaults.is_infinite(environment.spec)


def _group(service: fscache.FunctionService) -> tuple[str, int]:
    return service.key.uid, service.key.generation
