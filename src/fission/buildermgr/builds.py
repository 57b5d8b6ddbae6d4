"""The builds of this process: in line, under way, given up for a while.

A build is a task of its own. It holds a place while it runs and tells the reconciler, by its key,
when it has ended, however that was. Cancelling it closes the connection to the builder, which ends
the build's processes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from fission.api import package_builds
from fission.base import backoff, tasks
from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.buildermgr import metrics, package_plan, slots

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 1.0
LARGEST_PAUSE_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Retry:
    """What is left of builds that the platform broke off."""

    inputs: package_builds.Inputs
    failures: int = 0
    not_before: float = 0.0
    log: str = ""


@dataclass(slots=True)
class _Active:
    attempt: package_plan.Attempt
    task: asyncio.Task[None] | None = None


Run = Callable[["Handle"], Awaitable[None]]


class Handle:
    """A build's view of its own place."""

    def __init__(self, key: str, retry: Retry, mark: Callable[[str], None]) -> None:
        self.key = key
        self.retry = retry
        """Failures before this build, and what they said."""
        self.log = retry.log
        """What is kept of the log if the platform breaks this build off too."""
        self.settled = False
        """The package says how this build ended; the next one begins without a past."""
        self._mark = mark

    def mark_running(self, version: str) -> None:
        """The package says that it is running since this version of it."""
        self._mark(version)


class Builds:
    """All builds by ``namespace/name`` of their package."""

    def __init__(
        self,
        places: slots.Slots,
        run: Run,
        group: tasks.Tasks,
        counted: metrics.Metrics,
        clock: clocks.Clock,
        ended: Callable[[str], None],
    ) -> None:
        self._slots = places
        self._run = run
        self._group = group
        self._metrics = counted
        self._clock = clock
        self._ended = ended
        self._active: dict[str, _Active] = {}
        self._retries: dict[str, Retry] = {}

    def attempt(self, key: str) -> package_plan.Attempt | None:
        """The build of a package, if there is one."""
        found = self._active.get(key)
        return found.attempt if found else None

    def retry(self, key: str, inputs: package_builds.Inputs) -> Retry:
        """What is remembered of broken builds of the same inputs."""
        found = self._retries.get(key)
        if found is None or found.inputs != inputs:
            return Retry(inputs)
        return found

    def pause_seconds(self, key: str) -> float:
        """What is left of the pause after a broken build."""
        found = self._retries.get(key)
        return max(0.0, found.not_before - self._clock.monotonic()) if found else 0.0

    def offer(self, key: str, inputs: package_builds.Inputs, group: slots.Group) -> None:
        """Put a build in line; it starts when there is a place."""
        if key in self._active:
            return
        self._active[key] = _Active(package_plan.Attempt(inputs))
        self._slots.offer(key, group)
        self._start_next()

    async def cancel(self, key: str) -> None:
        """End a build, wherever it is, and wait until it has ended."""
        found = self._active.get(key)
        if found is None:
            return
        if found.task is None:
            self._slots.withdraw(key)
            self._active.pop(key, None)
            self._count()
            return
        found.task.cancel()
        await asyncio.gather(found.task, return_exceptions=True)
        self._leave(key, found)  # a task that never began left nothing itself

    def forget(self, key: str) -> None:
        """A package is done with, for better or worse."""
        self._retries.pop(key, None)

    def _start_next(self) -> None:
        while (key := self._slots.take()) is not None:
            active = self._active[key]
            active.task = self._group.spawn(self._work(key, active), f"build {key}")
        self._count()

    async def _work(self, key: str, active: _Active) -> None:
        inputs = active.attempt.inputs
        retry = self.retry(key, inputs)

        def mark(version: str) -> None:
            active.attempt = replace(active.attempt, version=version)

        handle = Handle(key, retry, mark)
        try:
            await self._run(handle)
        except base_errors.Error as error:
            self._pause(key, retry, handle.log, error)
        except Exception as error:
            logger.exception("build failed unexpectedly", extra={"package": key})
            self._pause(key, retry, handle.log, error)
        else:
            if handle.settled:
                self.forget(key)
        finally:
            self._leave(key, active)
            self._ended(key)

    def _leave(self, key: str, active: _Active) -> None:
        """Give the place to the next."""
        if self._active.get(key) is active:
            del self._active[key]
            self._slots.release(key)
            self._start_next()

    def _pause(self, key: str, retry: Retry, log: str, error: Exception) -> None:
        """Remember a build that broke off; the reconciler lets it wait."""
        failures = retry.failures + 1
        delays = backoff.delays(FIRST_PAUSE_SECONDS, cap_seconds=LARGEST_PAUSE_SECONDS)
        pause = next(delay for number, delay in enumerate(delays, 1) if number == failures)
        logger.warning(
            "build broke off: %s",
            error,
            extra={"package": key, "failures": failures, "pause_seconds": pause},
        )
        not_before = self._clock.monotonic() + pause
        self._retries[key] = Retry(retry.inputs, failures, not_before, log)

    def _count(self) -> None:
        self._metrics.waiting.set(self._slots.waiting)
        self._metrics.running.set(self._slots.running)
