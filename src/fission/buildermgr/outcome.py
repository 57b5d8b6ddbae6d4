"""How a build's end reaches the objects: cache, deployment archive, functions, status.

In this order, so that whoever starts again after any of them comes to the same end: a build that
is in the cache is answered from there, functions are pointed at a package that holds its archive
already, and only then the status says that all is done.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from fission.api import (
    environment_types,
    labels,
    objects,
    package_builds,
    package_defaults,
    package_lifecycle,
    package_types,
    resources,
)
from fission.base import clock as clocks
from fission.buildermgr import buildcache, catalog, errors, followers, names, statuses
from fission.buildermgr import package_plan as plans
from fission.kube import apply, events
from fission.kube import client as kube_client
from fission.meta import gvk, status

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

ATTEMPTS: Final = 10
"""Writes of a package that others keep writing to."""


class Outcomes:
    """Writes what came of builds."""

    def __init__(
        self,
        client: kube_client.Client,
        known: catalog.Catalog,
        recorder: events.Recorder,
        clock: clocks.Clock,
        *,
        cache_entries: int,
        owner_references: bool,
    ) -> None:
        self._client = client
        self._catalog = known
        self._recorder = recorder
        self._clock = clock
        self._cache_entries = cache_entries
        self._owner_references = owner_references

    async def remember(
        self,
        environment: environment_types.Environment,
        key: str,
        archive: package_types.Archive,
    ) -> None:
        """Put an archive into the environment's build cache."""
        if not self._cache_entries:
            return
        metadata = environment.metadata
        name = names.cache_name(metadata.name)
        cache = self._catalog.caches.lister.get(metadata.namespace, name)
        entry = buildcache.Entry(archive.url, archive.checksum, self._clock.now())
        patch = buildcache.plan_put(cache, key, entry, self._cache_entries)
        try:
            await self._client.patch(gvk.CONFIGMAPS, name, {"data": patch}, metadata.namespace)
        except status.NotFound:
            made = buildcache.make_config_map(
                environment,
                {k: v for k, v in patch.items() if v is not None},
                owner_references=self._owner_references,
            )
            try:
                await self._client.create(gvk.CONFIGMAPS, made)
            except status.AlreadyExists:
                await self._client.patch(gvk.CONFIGMAPS, name, {"data": patch}, metadata.namespace)

    async def succeed(
        self,
        package: package_types.Package,
        environment: environment_types.Environment,
        archive: package_types.Archive,
        log: str,
        *,
        running: bool,
    ) -> None:
        """The archive becomes the package's. Raises Superseded when it is not wanted any more."""
        for _ in range(ATTEMPTS):
            current = await self._current(package, running=running)
            try:
                current = await self._put_archive(current, environment, archive)
                await self.follow(current)
                package_lifecycle.mark_succeeded(current, log, self._clock.now())
                built = package_builds.read(current)
                if built is not None:
                    package_lifecycle.mark_environment(
                        current,
                        is_current=not package_builds.is_outdated(current, environment),
                        message=plans.environment_message(built, environment),
                        now=self._clock.now(),
                    )
                await statuses.write(self._client, current)
            except status.Conflict:
                continue
            self.tell(current, events.NORMAL, "BuildSucceeded", "the package was built")
            return
        raise errors.PlatformFailed("the package keeps changing")

    async def fail(
        self,
        package: package_types.Package,
        environment: environment_types.Environment | None,
        log: str,
        reason: str,
        *,
        running: bool = True,
    ) -> None:
        """The package is failed, and what was tried is written down."""
        for _ in range(ATTEMPTS):
            current = await self._current(package, running=running)
            try:
                current = await self._annotate(current, environment, {}, "")
                package_lifecycle.mark_failed(current, log, self._clock.now(), reason)
                await statuses.write(self._client, current)
            except status.Conflict:
                continue
            message = current.status.conditions[0].get("message", "")
            self.tell(current, events.WARNING, reason, f"the package was not built: {message}")
            return
        raise errors.PlatformFailed("the package keeps changing")

    async def follow(self, package: package_types.Package) -> None:
        """Point functions at the package as it is; a conflict is the caller's to repeat."""
        key = catalog.key_of(package.metadata)
        behind = self._catalog.functions.lister.by_index(catalog.BY_PACKAGE, key)
        since = package_builds.read(package)
        planned = followers.plan_follow(
            behind,
            package.metadata.resource_version,
            since.package_resource_version if since is not None and since.deployment else "",
        )
        for outcome in await apply.apply_together(self._client, planned):
            if isinstance(outcome, BaseException) and not isinstance(outcome, status.NotFound):
                raise outcome

    def tell(self, package: package_types.Package, kind: str, reason: str, message: str) -> None:
        """A Kubernetes Event on the package."""
        self._recorder.event(objects.reference_to(package), kind, reason, message)

    async def _current(
        self, package: package_types.Package, *, running: bool
    ) -> package_types.Package:
        metadata = package.metadata
        try:
            found = await self._client.get(resources.PACKAGES, metadata.name, metadata.namespace)
        except status.NotFound as error:
            raise errors.Superseded("the package was deleted") from error
        current = objects.decode(package_types.Package, found)
        if current.metadata.uid != metadata.uid or current.metadata.deletion_timestamp:
            raise errors.Superseded("the package was deleted")
        if package_builds.inputs_of(current) != package_builds.inputs_of(package):
            raise errors.Superseded("the package changed while it was built")
        if running and current.status.build_status == package_types.PENDING:
            raise errors.Superseded("another build was asked for")
        return current

    async def _put_archive(
        self,
        current: package_types.Package,
        environment: environment_types.Environment,
        archive: package_types.Archive,
    ) -> package_types.Package:
        sum_ = archive.checksum
        spec = {
            "deployment": {
                "type": archive.type,
                "url": archive.url,
                "checksum": {"type": sum_.type, "sum": sum_.sum},
                "literal": None,
                "oci": None,
            }
        }
        before = current.spec.deployment
        if _same_archive(before, archive):
            spec = {}
        digest = package_defaults.archive_hash("deployment", archive)
        return await self._annotate(current, environment, spec, digest)

    async def _annotate(
        self,
        current: package_types.Package,
        environment: environment_types.Environment | None,
        spec: Obj,
        deployment: str,
    ) -> package_types.Package:
        metadata = current.metadata
        before = package_builds.read(current)
        built = make_record(current, environment, deployment)
        if before is not None and not deployment:
            # A build that failed leaves the archive that is there, and what is known of it.
            before.inputs, before.no_cache = built.inputs, built.no_cache
            built = before
        elif before is not None and not spec:
            # The archive is the one that was there: it is as new as it was.
            built.package_resource_version = before.package_resource_version
        text = package_builds.annotation(built)
        if not spec and metadata.annotations.get(labels.BUILT_WITH) == text:
            return current
        patch: Obj = {
            "metadata": {
                "resourceVersion": metadata.resource_version,
                "annotations": {labels.BUILT_WITH: text},
            }
        }
        if spec:
            patch["spec"] = spec
        written = await self._client.patch(
            resources.PACKAGES, metadata.name, patch, metadata.namespace
        )
        return objects.decode(package_types.Package, written)


def make_record(
    package: package_types.Package,
    environment: environment_types.Environment | None,
    deployment: str,
) -> package_builds.BuiltWith:
    """What a build was made from. Pure."""
    built = package_builds.BuiltWith(
        inputs=package_builds.inputs_of(package),
        no_cache=package.metadata.annotations.get(labels.NO_BUILD_CACHE, ""),
        deployment=deployment,
        package_resource_version=package.metadata.resource_version,
    )
    if environment is not None:
        built.environment_hash = package_builds.environment_hash(environment)
        built.builder_image = environment.spec.builder.image
        built.environment_generation = environment.metadata.generation
        built.environment_resource_version = environment.metadata.resource_version
    return built


def skips_cache(package: package_types.Package) -> bool:
    """Whether somebody asked for a build that takes nothing from the cache, and got none yet."""
    wanted = package.metadata.annotations.get(labels.NO_BUILD_CACHE, "")
    built = package_builds.read(package)
    return bool(wanted) and (built is None or built.no_cache != wanted)


def _same_archive(one: package_types.Archive, other: package_types.Archive) -> bool:
    if one.literal or one.oci is not None:
        return False
    same_bytes = bool(other.checksum.sum) and one.checksum.sum == other.checksum.sum
    return one.url == other.url and (same_bytes or one.checksum == other.checksum)
