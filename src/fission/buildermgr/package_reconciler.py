"""Keeps each Package's build where it should be; decides by ``package_plan``."""

from __future__ import annotations

import copy
import logging
from typing import Any

from msgspec import structs

from fission.api import (
    environment_defaults,
    environment_types,
    package_builds,
    package_lifecycle,
    package_types,
)
from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.buildermgr import (
    build,
    builders,
    builds,
    catalog,
    config,
    errors,
    outcome,
    package_plan,
    resources,
    slots,
    statuses,
    waits,
)
from fission.kube import client as kube_client
from fission.kube import events, workqueue
from fission.kube import reconcile as loops

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

WORKERS = 4


class PackageReconciler:
    """Keys are ``namespace/name`` of Packages, existing or not."""

    def __init__(
        self,
        client: kube_client.Client,
        known: catalog.Catalog,
        settings: config.Config,
        options: resources.Options,
        outcomes: outcome.Outcomes,
        clock: clocks.Clock,
    ) -> None:
        self._client = client
        self._catalog = known
        self._settings = settings
        self._options = options
        self._outcomes = outcomes
        self._clock = clock
        self._limits = package_plan.Limits(
            settings.ready_timeout_seconds, settings.hopeless_timeout_seconds
        )
        self._waits = waits.Waits()
        self._builds: builds.Builds | None = None
        self._builder: build.Builder | None = None
        self.queue: workqueue.WorkQueue[str] = workqueue.WorkQueue()

    def start(self, all_builds: builds.Builds, builder: build.Builder) -> None:
        """Begin to listen."""
        self._builds = all_builds
        self._builder = builder
        self._catalog.packages.add_handler(self._on_package)
        self._catalog.environments.add_handler(self._on_environment)
        for informed in (self._catalog.pods, self._catalog.deployments):
            informed.add_handler(self._on_builder)

    async def run(self) -> None:
        """Reconcile until cancelled."""
        await loops.run(self.queue, self.reconcile, workers=WORKERS, name="packages")

    async def reconcile(self, key: str) -> loops.Result | None:
        """Bring one package a step further."""
        assert self._builds is not None
        package = self._catalog.package(key)
        if package is None:
            await self._builds.cancel(key)
            self._builds.forget(key)
            self._waits.forget(key)
            return None
        seen = self._look(key, package)
        decision = package_plan.plan(seen, self._limits, self._clock.now())
        match decision:
            case package_plan.Rest():
                return _again(decision.again_after_seconds)
            case package_plan.Settle():
                return await self._settle(key, seen, decision)
            case package_plan.Restart():
                return await self._restart(key, package, decision.message)
            case package_plan.Build():
                return await self._build(key, seen, decision.target)

    def observe(self, key: str) -> build.Subject | None:
        """What is to be built with what; None when the reconciler should look first."""
        package = self._catalog.package(key)
        if package is None:
            return None
        seen = self._look(key, package)
        ready = seen.environment is not None and isinstance(seen.builder, builders.Target)
        if not ready or package_builds.inputs_of(package) != seen_inputs(self._builds, key):
            return None
        assert seen.environment is not None
        assert isinstance(seen.builder, builders.Target)
        mine = structs.replace(package, status=copy.deepcopy(package.status))
        return mine, seen.environment, seen.builder

    def _look(self, key: str, package: package_types.Package) -> package_plan.Observed:
        assert self._builds is not None
        environment = self._catalog.environment(catalog.environment_key(package))
        builder, fault = self._builder_of(environment)
        inputs = package_builds.inputs_of(package)
        waited, hopeless = self._waits.observe(key, builder, self._clock.monotonic())
        return package_plan.Observed(
            package=package,
            environment=environment,
            builder=builder,
            fault=fault,
            attempt=self._builds.attempt(key),
            pause_seconds=self._builds.pause_seconds(key),
            log=self._builds.retry(key, inputs).log,
            waited_seconds=waited,
            hopeless_seconds=hopeless,
        )

    def _builder_of(
        self, environment: environment_types.Environment | None
    ) -> tuple[builders.State | None, str]:
        if environment is None or not environment_defaults.has_builder(environment.spec):
            return None, ""
        metadata = environment.metadata
        place = self._settings.builder_namespace_of(metadata.namespace)
        index = f"{place}/{metadata.name}"
        try:
            version = metadata.resource_version
            resources.make_deployment(environment, place, self._options, version)
            wanted = resources.spec_hash(environment, self._options)
        except base_errors.InvalidInput as error:
            return None, error.message
        return (
            builders.observe(
                self._catalog.deployments.lister.by_index(catalog.BY_ENVIRONMENT, index),
                self._catalog.pods.lister.by_index(catalog.BY_ENVIRONMENT, index),
                wanted,
                self._settings.build_timeout_seconds,
            ),
            "",
        )

    async def _settle(
        self, key: str, seen: package_plan.Observed, decision: package_plan.Settle
    ) -> loops.Result | None:
        assert self._builds is not None
        package = structs.replace(seen.package, status=decision.status)
        state = package.status.build_status
        if state == package_types.FAILED:
            self._builds.forget(key)
            self._waits.forget(key)
        if decision.remember:
            log, reason = package.status.build_log, package_lifecycle.reason_of(package)
            try:
                await self._outcomes.fail(
                    seen.package, seen.environment, log, reason, running=False
                )
            except errors.Superseded:
                return loops.AGAIN
            return None
        if decision.follow:
            await self._outcomes.follow(package)
        await statuses.write(self._client, package)
        if state == package_types.FAILED and seen.package.status.build_status != state:
            reason = package_lifecycle.reason_of(package)
            log = package.status.build_log.strip()
            self._outcomes.tell(package, events.WARNING, reason, log)
        return _again(decision.again_after_seconds)

    async def _restart(
        self, key: str, package: package_types.Package, message: str
    ) -> loops.Result | None:
        assert self._builds is not None
        await self._builds.cancel(key)
        self._builds.forget(key)
        logger.info("build was ended: %s", message, extra={"package": key})
        if package.status.build_status == package_types.PENDING:
            return loops.AGAIN
        mine = structs.replace(package, status=copy.deepcopy(package.status))
        package_lifecycle.mark_pending(
            mine, self._clock.now(), message=f"is built again: {message}"
        )
        await statuses.write(self._client, mine)
        return None

    async def _build(
        self, key: str, seen: package_plan.Observed, target: builders.Target
    ) -> loops.Result | None:
        assert self._builds is not None
        assert self._builder is not None
        assert seen.environment is not None
        if await self._builder.answer_from_cache(seen.package, seen.environment, target):
            self._builds.forget(key)
            return None
        metadata = seen.environment.metadata
        group = slots.Group(metadata.namespace, metadata.name)
        self._builds.offer(key, package_builds.inputs_of(seen.package), group)
        return None

    def _on_package(
        self, old: package_types.Package | None, new: package_types.Package | None
    ) -> None:
        one = new or old
        if one is not None:
            self.queue.add(catalog.key_of(one.metadata))

    def _on_environment(
        self,
        old: environment_types.Environment | None,
        new: environment_types.Environment | None,
    ) -> None:
        one = new or old
        if one is not None:
            self._add_packages_of(catalog.key_of(one.metadata))

    def _on_builder(self, old: Obj | None, new: Obj | None) -> None:
        one = new or old
        for index in catalog.builder_of(one) if one is not None else ():
            place, name = index.split("/", 1)
            for namespace in {place, "default"}:
                if self._settings.builder_namespace_of(namespace) == place:
                    self._add_packages_of(f"{namespace}/{name}")

    def _add_packages_of(self, environment: str) -> None:
        for package in self._catalog.packages.lister.by_index(catalog.BY_ENVIRONMENT, environment):
            self.queue.add(catalog.key_of(package.metadata))


def seen_inputs(all_builds: builds.Builds | None, key: str) -> package_builds.Inputs | None:
    """What the build in line was offered for."""
    attempt = all_builds.attempt(key) if all_builds is not None else None
    return attempt.inputs if attempt is not None else None


def _again(seconds: float | None) -> loops.Result | None:
    return None if seconds is None else loops.Result(requeue_after_seconds=seconds)
