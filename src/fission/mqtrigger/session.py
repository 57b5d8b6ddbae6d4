"""Keeps one trigger read: connect, subscribe, read; after a failure again, later each time.

The cause stands in the trigger's conditions from the first failure on, and goes with the next
success. The log has a line when the cause changes, not one for each attempt.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from fission.base import backoff, errors, tasks
from fission.base import clock as clocks
from fission.delivery import records
from fission.mqtrigger import binding as bindings
from fission.mqtrigger import consumer, handling, metrics, statuses, tracker
from fission.mqtrigger.drivers import base, registry

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
CONNECT_SECONDS: Final = 30.0
CLOSE_SECONDS: Final = 5.0
STABLE_SECONDS: Final = 60.0
"""After so long without a failure the pauses start small again."""

Secret = Callable[[], Awaitable[dict[str, bytes]]]


@dataclass(frozen=True)
class Deps:
    """What sessions share."""

    drivers: registry.Registry
    caller: handling.Caller
    records: records.Records
    metrics: metrics.Metrics
    statuses: statuses.Statuses
    clock: clocks.Clock
    urls: dict[str, str]
    """The platform's own broker of a type, where it has one."""
    options: consumer.Options


class Session:
    """One trigger."""

    def __init__(self, binding: bindings.Binding, secret: dict[str, bytes], deps: Deps) -> None:
        self.binding = binding
        self.secret = secret
        self._deps = deps
        self._conditions = statuses.Writer(deps.statuses, binding)
        self._is_reading = False

    async def run(self) -> None:
        """Until cancelled; then hands back what is unfinished."""
        async with tasks.Tasks() as group:
            group.run(self._conditions.run(), "conditions")
            reading = asyncio.ensure_future(self._keep_reading())
            try:
                await asyncio.wait([reading])
            finally:
                reading.cancel()
                await _outlast(reading)
            reading.result()

    async def forget(self) -> None:
        """After the end of ``run``, of a trigger that is gone: so is the group that it made."""
        if self.binding.group != self.binding.uid:
            return
        try:
            driver = await self._connect()
            try:
                if isinstance(driver, base.Forgetful):
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await driver.forget(self.binding.spec.topic, self.binding.group)
            finally:
                await _close(driver)
        except (errors.Error, TimeoutError) as error:
            fields = {"trigger": "/".join(self.binding.key), "error": str(error)}
            logger.info("the queue still keeps messages for it, until it is full", extra=fields)

    async def _keep_reading(self) -> None:
        deps = self._deps
        pauses = backoff.delays(FIRST_PAUSE_SECONDS, cap_seconds=LONGEST_PAUSE_SECONDS)
        fields = {"trigger": "/".join(self.binding.key)}
        known = ""
        while True:
            began_at = deps.clock.monotonic()
            try:
                await self._read()
                continue
            except errors.Error as error:
                cause = statuses.Condition(error.reason, error.message)
            except Exception as error:
                logger.exception("reading failed", extra=fields)
                cause = statuses.Condition("InternalError", f"{type(error).__name__}: {error}")
            if deps.clock.monotonic() - began_at > STABLE_SECONDS:
                pauses = backoff.delays(FIRST_PAUSE_SECONDS, cap_seconds=LONGEST_PAUSE_SECONDS)
            self._conditions.set(cause)
            pause = next(pauses)
            if cause.message != known:
                known = cause.message
                logger.warning("not read: %s", known, extra={**fields, "reason": cause.reason})
            await asyncio.sleep(pause)

    async def _read(self) -> None:
        """One connection, from its start to its end."""
        binding, deps = self.binding, self._deps
        driver = await self._connect()
        told = tracker.Tracker(
            binding,
            deps.metrics,
            deps.records,
            self._conditions,
            deps.clock,
            deps.options.unready_after_seconds,
        )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                subscription = await driver.subscribe(binding.spec.topic, binding.group)
            self._reads(True)
            await consumer.Consumer(
                binding, driver, subscription, deps.caller, told, deps.clock, deps.options
            ).run()
        except TimeoutError as error:
            raise base.Unreachable(
                f"the broker did not let us read {binding.spec.topic!r} in {CONNECT_SECONDS:g} s"
            ) from error
        finally:
            self._reads(False)
            told.close()
            await _close(driver)

    async def _connect(self) -> base.Driver:
        binding, deps = self.binding, self._deps
        queue_type = binding.spec.message_queue_type
        connect = await deps.drivers.find(queue_type)
        settings = base.Settings(
            type=queue_type,
            url=deps.urls.get(queue_type, ""),
            metadata=binding.spec.metadata,
            secret=self.secret,
            namespace=binding.namespace,
            name=binding.name,
            strict=binding.is_strict,
        )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await connect(settings)
        except TimeoutError as error:
            raise base.Unreachable(
                f"the broker did not answer within {CONNECT_SECONDS:g} s"
            ) from error

    def _reads(self, value: bool) -> None:
        if value == self._is_reading:
            return
        self._is_reading = value
        counted = self._deps.metrics
        counted.status.labels(self.binding.name, self.binding.namespace).set(int(value))
        counted.subscriptions.inc(1 if value else -1)
        if value:
            self._conditions.set(statuses.WORKS)
            logger.info("reading", extra={"trigger": "/".join(self.binding.key)})


async def _outlast(ending: asyncio.Task[None]) -> None:
    """Wait for an end that has its own time limits. A trigger that is stopped because it changed is
    stopped once more when mqtrigger ends meanwhile: that must not cut short what is handed back."""
    while not ending.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([ending])


async def _close(driver: base.Driver) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await driver.close()
    except (base.DriverError, TimeoutError) as error:
        logger.debug("connection was not closed: %s", error)
