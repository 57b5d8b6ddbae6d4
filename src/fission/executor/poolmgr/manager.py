"""poolmgr's front: addresses from the function service cache, or by specializing a pod.

A request is answered from the cache, waits in line, or starts a specialization. The specialization
is a task of its own: the one who asked may leave, the pod will serve the next. All decisions are
``fscache``'s; this module waits, and tells those in line what they got.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from fission.api import function_defaults, function_types
from fission.base import clock as clocks
from fission.base import tasks
from fission.executor import catalog, config, errors, fscache
from fission.executor.poolmgr import failures, specialize
from fission.meta import objectmeta

logger = logging.getLogger(__name__)

SPECIALIZATION_MARGIN_SECONDS = 10.0
"""Beyond the function's specialization timeout, for the way there and back; Fission's."""

Report = Callable[[function_types.Function, errors.ExecutorError | None], None]
"""Told how each specialization ended."""
Address = asyncio.Future[fscache.FunctionService]


class PoolManager:
    """A ``dispatch.FunctionExecutor`` over pools of generic pods."""

    def __init__(
        self,
        cache: fscache.FunctionServiceCache,
        known: catalog.Catalog,
        specializer: specialize.Specializer,
        settings: config.Config,
        *,
        clock: clocks.Clock,
        group: tasks.Tasks,
        report: Report,
    ) -> None:
        self._cache = cache
        self._catalog = known
        self._specializer = specializer
        self._settings = settings
        self._clock = clock
        self._group = group
        self._report = report
        self._in_line: dict[int, asyncio.Future[fscache.Serve | fscache.Specialize]] = {}
        self._failures = failures.Failures()

    async def get_service(self, function: function_types.Function) -> str:
        return await self._address(await self._catalog.function(function), 0)

    async def ensure_capacity(self, function: function_types.Function, busy_endpoints: int) -> str:
        return await self._address(await self._catalog.function(function), busy_endpoints)

    def tap(self, metadata: objectmeta.ObjectMeta, address: str) -> bool:
        return self._cache.touch(metadata.uid, address, self._clock.monotonic())

    def untap(self, metadata: objectmeta.ObjectMeta, address: str) -> bool:
        grants = self._cache.release(metadata.uid, address, self._clock.monotonic())
        if grants is None:
            return False
        self.deliver(grants)
        return True

    async def provision(self, function: function_types.Function) -> bool:
        """Specialize a pod that nobody asked for; False when there may be none now.

        Raises ExecutorError when the function does not load.
        """
        key = fscache.FunctionKey(function.metadata.uid, function.metadata.generation)
        if not self._cache.provision(key, self.limits(function)):
            return False
        waited: Address = asyncio.get_running_loop().create_future()
        await self._specialize(function, key, False, waited, ahead=True)
        waited.result()
        return True

    def limits(self, function: function_types.Function) -> fscache.Limits:
        """What the function's spec and the settings allow."""
        return fscache.Limits(
            requests_per_pod=function_defaults.requests_per_pod(function.spec),
            concurrency=function_defaults.concurrency(function.spec),
            max_pending=self._settings.max_pending_per_function,
            max_waiting=self._settings.max_waiting_per_function,
        )

    def remove(self, service: fscache.FunctionService) -> None:
        """Give the service to nobody any more."""
        self.deliver(self._cache.remove(service, self._clock.monotonic()))

    def deliver(
        self, grants: list[fscache.Grant], error: errors.ExecutorError | None = None
    ) -> None:
        """Tell those in line what they got; ``error`` is for those who got nothing."""
        for grant in grants:
            future = self._in_line.pop(grant.ticket)
            if grant.decision is None:
                future.set_exception(error or errors.ExecutorError("the function failed"))
            else:
                future.set_result(grant.decision)

    async def _address(self, function: function_types.Function, busy_endpoints: int) -> str:
        metadata = function.metadata
        key = fscache.FunctionKey(metadata.uid, metadata.generation)
        once = function.spec.once_only
        decision = self._cache.acquire(
            key,
            self.limits(function),
            self._clock.monotonic(),
            once=once,
            busy_endpoints=busy_endpoints,
        )
        if isinstance(decision, fscache.Serve):
            return decision.service.address
        async with self._in_time(function):
            if isinstance(decision, fscache.Wait):
                if self._cache.is_ahead(key):
                    self._specializer.hurry(key.uid)
                decision = await self._wait(key, decision.ticket, once)
            match decision:
                case fscache.Serve(service=service):
                    return service.address
                case fscache.Refuse(message=message):
                    name = f"function {metadata.namespace}/{metadata.name}"
                    raise errors.ConcurrencyExceeded(f"{name}: {message}.")
                case _:
                    return await self._specialized(function, key, once)

    async def _wait(
        self, key: fscache.FunctionKey, ticket: int, once: bool
    ) -> fscache.Serve | fscache.Specialize:
        future: asyncio.Future[fscache.Serve | fscache.Specialize] = (
            asyncio.get_running_loop().create_future()
        )
        self._in_line[ticket] = future
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            now = self._clock.monotonic()
            if self._in_line.pop(ticket, None) is not None:
                self.deliver(self._cache.cancel(key, ticket, now))
            elif future.exception() is None:  # granted in the same moment: hand it on
                granted = future.result()
                if isinstance(granted, fscache.Specialize):
                    self.deliver(self._cache.failed(key, now, once=once))
                else:
                    service = granted.service
                    self.deliver(self._cache.release(key.uid, service.address, now) or [])
            raise

    async def _specialized(
        self, function: function_types.Function, key: fscache.FunctionKey, once: bool
    ) -> str:
        waited: Address = asyncio.get_running_loop().create_future()
        name = f"specialize {function.metadata.namespace}/{function.metadata.name}"
        self._group.spawn(self._specialize(function, key, once, waited), name)
        return (await waited).address

    async def _specialize(
        self,
        function: function_types.Function,
        key: fscache.FunctionKey,
        once: bool,
        waited: Address,
        *,
        ahead: bool = False,
    ) -> None:
        error: errors.ExecutorError
        uid, mark = key.uid, self._specializer.mark(function)
        known = self._failures.current(uid, mark, self._clock.monotonic())
        if known is not None:
            self._failed(key, known, waited, once=once, ahead=ahead)
            return
        try:
            async with self._in_time(function):
                service = await self._specializer.specialize(
                    function,
                    once=once,
                    further=ahead or self._cache.used(key) > 1,
                    ahead=ahead,
                    timeout_seconds=function_defaults.specialization_timeout_seconds(function.spec),
                )
        except errors.ExecutorError as failure:
            error = failure
        except asyncio.CancelledError:
            waited.cancel()
            raise
        except Exception as failure:
            logger.exception("specialization failed unexpectedly")
            error = errors.ExecutorError(f"the executor failed: {failure}")
        else:
            self._failures.worked(uid)
            self._succeeded(function, service, waited, ahead=ahead)
            return
        if isinstance(error, errors.SpecializationFailed):
            self._failures.failed(uid, mark, error, self._clock.monotonic())
        self._failed(key, error, waited, once=once, ahead=ahead)
        self._report(function, error)

    def _failed(
        self,
        key: fscache.FunctionKey,
        error: errors.ExecutorError,
        waited: Address,
        *,
        once: bool,
        ahead: bool,
    ) -> None:
        """Tell who asked and, where another pod would not help, all who stand in line."""
        for_good = isinstance(error, errors.MissingObject | errors.PackageNotReady) or (
            isinstance(error, errors.SpecializationFailed) and error.final
        )
        now = self._clock.monotonic()
        grants = self._cache.failed(key, now, once=once, for_good=for_good, ahead=ahead)
        self.deliver(grants, error)
        if not waited.done():
            waited.set_exception(error)

    def _succeeded(
        self,
        function: function_types.Function,
        service: fscache.FunctionService,
        waited: Address,
        *,
        ahead: bool,
    ) -> None:
        self.deliver(self._cache.specialized(service, self._clock.monotonic(), ahead=ahead))
        if waited.done() and not ahead:  # whoever asked has left; the pod is there for the next
            self.untap(function.metadata, service.address)
        elif not waited.done():
            waited.set_result(service)
        if self._catalog.pods.lister.get(service.namespace, service.pod) is None:
            self.remove(service)  # deleted while it was specialized
        self._report(function, None)

    @contextlib.asynccontextmanager
    async def _in_time(self, function: function_types.Function) -> AsyncIterator[None]:
        limit = function_defaults.specialization_timeout_seconds(function.spec)
        limit_seconds = limit + SPECIALIZATION_MARGIN_SECONDS
        try:
            async with asyncio.timeout(limit_seconds):
                yield
        except TimeoutError as error:
            raise errors.SpecializationFailed(
                f"function {function.metadata.namespace}/{function.metadata.name} "
                f"got no pod within {limit_seconds:.0f} s",
                final=False,
            ) from error
