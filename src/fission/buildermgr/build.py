"""One build from top to bottom: fetcher, builder, fetcher, outcome."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

from fission.api import environment_types, package_lifecycle, package_types
from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.base import headtail, ids, tasks
from fission.buildermgr import (
    buildcache,
    builders,
    builds,
    calls,
    catalog,
    config,
    errors,
    metrics,
    names,
    outcome,
    statuses,
)
from fission.kube import client as kube_client
from fission.meta import status

logger = logging.getLogger(__name__)

LOG_BYTES_PER_SECOND: Final = 64 * 1024
"""How fast a growing log is written over and over: long ones less often."""

Subject = tuple[package_types.Package, environment_types.Environment, builders.Target]
Observe = Callable[[str], Subject | None]
"""What is to be built with what, at this moment; None when there is nothing any more."""


class Builder:
    """Carries builds out."""

    def __init__(
        self,
        client: kube_client.Client,
        peers: calls.Calls,
        outcomes: outcome.Outcomes,
        known: catalog.Catalog,
        settings: config.Config,
        counted: metrics.Metrics,
        group: tasks.Tasks,
        clock: clocks.Clock,
        observe: Observe,
    ) -> None:
        self._client = client
        self._calls = peers
        self._outcomes = outcomes
        self._catalog = known
        self._settings = settings
        self._metrics = counted
        self._group = group
        self._clock = clock
        self._observe = observe

    async def answer_from_cache(
        self,
        package: package_types.Package,
        environment: environment_types.Environment,
        target: builders.Target,
    ) -> bool:
        """Give the package the archive that the same build made before, if it is still there."""
        if not self._settings.cache_entries or outcome.skips_cache(package):
            return False
        key = buildcache.key_of(package, environment, target)
        if key is None:
            return False
        metadata = environment.metadata
        cache = self._catalog.caches.lister.get(metadata.namespace, names.cache_name(metadata.name))
        entry = buildcache.find(cache, key)
        if entry is None:
            return False
        started_at = self._clock.monotonic()
        if not await self._calls.is_stored(entry.url, target.namespace):
            return False
        log = _with_line(
            _log_of_predecessor(package),
            "same source, build command and builder as before: the archive that was built then is"
            " used again (fission pkg rebuild --nocache builds it anew)",
        )
        self._group.spawn(self._clean_left(package, target), f"clean {package.metadata.name}")
        with contextlib.suppress(errors.Superseded):
            await self._outcomes.succeed(package, environment, entry.archive(), log, running=False)
        age = (self._clock.now() - entry.used_at).total_seconds()
        if age > buildcache.TOUCH_AFTER_SECONDS:
            await self._outcomes.remember(environment, key, entry.archive())
        self._count(environment, "cached", started_at)
        return True

    async def run(self, handle: builds.Handle) -> None:
        """Build once. Raises PlatformFailed when the same build may succeed later."""
        subject = self._observe(handle.key)
        if subject is None:
            return
        package, environment, target = subject
        log = headtail.HeadTail(self._settings.max_log_bytes)
        log.add(handle.retry.log)
        if not handle.retry.log and (left := _log_of_predecessor(package)):
            log.add(_with_line(left, "buildermgr was started again; the build runs again"))
        started_at = self._clock.monotonic()
        await self._clean_left(package, target)
        try:
            package = await self._mark_running(package, log.text())
        except (status.Conflict, status.NotFound):
            return  # seen too early or too late: the reconciler looks again
        handle.mark_running(package.metadata.resource_version)
        try:
            archive = await self._make(package, environment, target, log)
            key = buildcache.key_of(package, environment, target)
            if key is not None:
                await self._outcomes.remember(environment, key, archive)
            await self._outcomes.succeed(package, environment, archive, log.text(), running=True)
            self._count(environment, "succeeded", started_at)
        except errors.Superseded as error:
            logger.info("build was dropped: %s", error, extra={"package": handle.key})
            self._count(environment, "superseded", started_at)
        except errors.SourceFailed as error:
            _say(log, error.message)
            with contextlib.suppress(errors.Superseded):
                await self._outcomes.fail(package, environment, log.text(), error.condition)
            self._count(environment, "failed", started_at)
        except (errors.PlatformFailed, base_errors.Error) as error:
            self._count(environment, "platform", started_at)
            await self._broke_off(handle, package, environment, log, error)
        handle.settled = True

    async def _clean_left(self, package: package_types.Package, target: builders.Target) -> None:
        """Remove what a buildermgr that died in the middle of a build of this package left."""
        metadata = package.metadata
        if package.status.build_status == package_types.RUNNING:
            await self._calls.clean(target, names.source_stem(metadata.name, metadata.uid))

    async def _broke_off(
        self,
        handle: builds.Handle,
        package: package_types.Package,
        environment: environment_types.Environment,
        log: headtail.HeadTail,
        error: base_errors.Error,
    ) -> None:
        failures, most = handle.retry.failures + 1, self._settings.max_attempts
        if failures >= most:
            _say(log, f"{error}; given up after {failures} attempts")
            with contextlib.suppress(errors.Superseded):
                await self._outcomes.fail(
                    package, environment, log.text(), errors.PlatformFailed.reason
                )
            return
        _say(log, f"{error}; the build runs again (attempt {failures + 1} of {most})")
        handle.log = log.text()
        raise errors.PlatformFailed(str(error)) from error

    async def _mark_running(
        self, package: package_types.Package, log: str
    ) -> package_types.Package:
        package_lifecycle.mark_running(package, self._clock.now(), log)
        return await statuses.write(self._client, package)

    async def _make(
        self,
        package: package_types.Package,
        environment: environment_types.Environment,
        target: builders.Target,
        log: headtail.HeadTail,
    ) -> package_types.Archive:
        suffix = ids.short_id(names.SOURCE_SUFFIX)
        filename = names.source_filename(package.metadata.name, package.metadata.uid, suffix)
        command = buildcache.command_of(package, environment)
        await self._calls.storage_url()  # rather now than when there is something to store
        try:
            async with self._writing(package, log) as emit:
                await self._calls.fetch(target, package, filename)
                artifact = await self._calls.build(target, filename, command, emit)
                return await self._calls.upload(
                    target, artifact, pack=not environment.spec.keep_archive
                )
        finally:
            # Behind the answer; also when this build is being cancelled.
            self._group.spawn(self._calls.clean(target, filename), f"clean {filename}")

    @contextlib.asynccontextmanager
    async def _writing(
        self, package: package_types.Package, log: headtail.HeadTail
    ) -> AsyncIterator[Callable[[str], None]]:
        """Let the package's log grow while the block runs."""
        grown = asyncio.Event()

        def emit(text: str) -> None:
            log.add(text)
            grown.set()

        writing = asyncio.ensure_future(self._keep_written(package, log, grown))
        try:
            yield emit
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    async def _keep_written(
        self, package: package_types.Package, log: headtail.HeadTail, grown: asyncio.Event
    ) -> None:
        while True:
            await grown.wait()
            grown.clear()
            text = log.text()
            try:
                await statuses.write_log(self._client, package, text)
            except base_errors.Error as error:
                logger.debug("log was not written: %s", error)
            pause = max(self._settings.log_interval_seconds, len(text) / LOG_BYTES_PER_SECOND)
            await asyncio.sleep(pause)

    def _count(
        self, environment: environment_types.Environment, result: str, started_at: float
    ) -> None:
        metadata = environment.metadata
        self._metrics.builds.labels(metadata.namespace, metadata.name, result).inc()
        self._metrics.seconds.labels(result).observe(self._clock.monotonic() - started_at)


def _log_of_predecessor(package: package_types.Package) -> str:
    """What a build said that ended with the buildermgr that ran it."""
    is_left = package.status.build_status == package_types.RUNNING
    return package.status.build_log if is_left else ""


def _say(log: headtail.HeadTail, message: str) -> None:
    """A line of our own at the end of a log."""
    text = log.text()
    log.add(_with_line(text, message)[len(text) :])


def _with_line(text: str, line: str) -> str:
    return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n"
