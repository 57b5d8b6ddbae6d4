"""What is to be done for a package, from what is seen of it. Pure.

First match wins:

=============================================  =================================================
a build of it runs, of what it still is        leave it
a build of it runs, of what it was             end that build, the package is pending again
no source                                      ``none`` with a deployment archive, else ``failed``
nobody wrote a status, deployment given        ``none``
pending, or running without a build here       build, as soon as environment and builder are there;
                                               what is missing is said, and waited for with a bound
built, and source or command changed since     pending
failed for want of something that is there     pending
built                                          tell whether the environment is another by now
=============================================  =================================================
"""

from __future__ import annotations

import copy
import datetime
from dataclasses import dataclass
from typing import Final

from msgspec import structs

from fission.api import (
    environment_defaults,
    environment_types,
    package_builds,
    package_defaults,
    package_lifecycle,
    package_types,
    package_validation,
)
from fission.api import package_lifecycle as lifecycle
from fission.buildermgr import buildcache, builders, catalog
from fission.contracts import builder as builder_wire

LOOK_AGAIN_SECONDS: Final = 5.0
"""How often a bounded wait is looked after between changes of the builder's pod."""
TIMEOUT_LOG: Final = "Build timeout due to environment builder not ready"
_WANTS: Final = (
    lifecycle.ENVIRONMENT_NOT_FOUND,
    lifecycle.FOREIGN_REFERENCE,
    lifecycle.NO_BUILDER,
    "InvalidBuilder",
)
_TO_BUILD: Final = ("", package_types.PENDING, package_types.RUNNING)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A build in this process."""

    inputs: package_builds.Inputs
    version: str = ""
    """resourceVersion of the package since it is marked running; empty while it is in line."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a package waits for its builder."""

    ready_seconds: float = 300.0
    hopeless_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that counts."""

    package: package_types.Package
    environment: environment_types.Environment | None = None
    builder: builders.State | None = None
    fault: str = ""
    """Why the environment can have no builder."""
    attempt: Attempt | None = None
    pause_seconds: float = 0.0
    """What is left of the pause after a build that the platform broke off."""
    log: str = ""
    """What such builds said."""
    waited_seconds: float = 0.0
    """How long the builder has not been ready, for this package."""
    hopeless_seconds: float = 0.0
    """How long it has said that it cannot start."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do; look again after some seconds when that is known."""

    again_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Settle:
    """Write this status."""

    status: package_types.PackageStatus
    follow: bool = False
    """The deployment archive is another: point functions at it first."""
    remember: bool = False
    """Write down what the failed build was made from, so that a change is seen."""
    again_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Build:
    """Get in line for a builder."""

    target: builders.Target


@dataclass(frozen=True, slots=True)
class Restart:
    """End the build that runs: its outcome is not wanted any more."""

    message: str


Decision = Rest | Settle | Build | Restart


def plan(seen: Observed, limits: Limits, now: datetime.datetime) -> Decision:
    """Decide; see the module's table."""
    package = structs.replace(seen.package, status=copy.deepcopy(seen.package.status))
    if seen.attempt is not None:
        return _under_way(package, seen.attempt)
    if package.spec.source.is_empty():
        return _without_source(package, now)
    state = package.status.build_status
    untouched = not package.status.content_hash
    if untouched and state in ("", package_types.PENDING) and lifecycle.is_loadable(package):
        lifecycle.mark_no_build(package, now)
        return Settle(package.status)
    if state in _TO_BUILD:
        return _to_build(package, seen, limits, now)
    return _ended(package, seen, untouched, now)


def _under_way(package: package_types.Package, attempt: Attempt) -> Decision:
    if attempt.inputs != package_builds.inputs_of(package):
        return Restart("the source or the build command changed while it was built")
    version = package.metadata.resource_version
    asked_again = (
        bool(attempt.version)
        and package.status.build_status == package_types.PENDING
        and catalog.is_older(attempt.version, version)
    )
    return Restart("another build was asked for") if asked_again else Rest()


def _without_source(package: package_types.Package, now: datetime.datetime) -> Decision:
    known = package.status.content_hash
    content = package_defaults.content_hash(package.spec)
    state = package.status.build_status
    if not lifecycle.is_loadable(package):
        if state == package_types.FAILED and known == content:
            return Rest()
        lifecycle.mark_failed(package, f"{lifecycle.EMPTY_LOG}\n", now, lifecycle.EMPTY_PACKAGE)
        return Settle(package.status)
    if known == content and state in (package_types.NONE, package_types.SUCCEEDED):
        return Rest()
    lifecycle.mark_no_build(package, now)
    return Settle(package.status, follow=bool(known) and known != content)


def _to_build(
    package: package_types.Package, seen: Observed, limits: Limits, now: datetime.datetime
) -> Decision:
    fault = _why_impossible(package, seen)
    if fault is not None:
        reason, message = fault
        lifecycle.mark_failed(package, f"{message}\n", now, reason)
        return Settle(package.status, remember=True)
    if seen.pause_seconds > 0:
        message = "is built again after a pause"
        return _wait(package, seen, lifecycle.BUILD_RETRY, message, seen.pause_seconds, now)
    if isinstance(seen.builder, builders.Target):
        return Build(seen.builder)
    waiting = seen.builder or builders.Waiting("its builder is being created", hopeless=False)
    left = limits.ready_seconds - seen.waited_seconds
    if waiting.hopeless:
        left = min(left, limits.hopeless_seconds - seen.hopeless_seconds)
    if left <= 0:
        log = f"{seen.log}{TIMEOUT_LOG}: {waiting.message}\n"
        lifecycle.mark_failed(package, log, now, lifecycle.BUILDER_NOT_READY)
        return Settle(package.status)
    message = f"waits: {waiting.message}"
    return _wait(package, seen, lifecycle.BUILDER_NOT_READY, message, left, now)


def _wait(
    package: package_types.Package,
    seen: Observed,
    reason: str,
    message: str,
    left_seconds: float,
    now: datetime.datetime,
) -> Decision:
    again = min(left_seconds, LOOK_AGAIN_SECONDS)
    before = seen.package.status
    message = message[:1024]
    if before.build_status == package_types.PENDING and _says(seen.package, reason, message):
        return Rest(again)
    lifecycle.mark_pending(package, now, reason=reason, message=message, log=seen.log)
    return Settle(package.status, again_after_seconds=again)


def _ended(
    package: package_types.Package, seen: Observed, untouched: bool, now: datetime.datetime
) -> Decision:
    state, inputs = package.status.build_status, package_builds.inputs_of(package)
    built = package_builds.read(package)
    changed = not untouched and package.status.content_hash != inputs.source
    if built is not None and built.inputs != inputs and state != package_types.NONE:
        changed = True
    if state == package_types.SUCCEEDED and not lifecycle.is_loadable(package):
        changed = True  # somebody took the archive out
    if changed or (state == package_types.FAILED and _is_mended(package, seen)):
        lifecycle.mark_pending(package, now)
        return Settle(package.status)
    if untouched:
        # From before this release, or of another hand: taken as it is.
        package.status.content_hash = package_defaults.content_hash(package.spec)
        return Settle(package.status)
    if state == package_types.SUCCEEDED and built is not None and seen.environment is not None:
        outdated = package_builds.is_outdated(package, seen.environment)
        if lifecycle.mark_environment(
            package,
            is_current=not outdated,
            message=environment_message(built, seen.environment),
            now=now,
        ):
            return Settle(package.status)
    return Rest()


def environment_message(
    built: package_builds.BuiltWith, environment: environment_types.Environment
) -> str:
    """With which environment a package was built, and what it is by now."""
    name = environment.metadata.name
    with_ = f"built with {built.builder_image} (generation {built.environment_generation})"
    if built.environment_hash == package_builds.environment_hash(environment):
        return f"{with_} of environment {name}"
    return (
        f"{with_}; environment {name} has generation {environment.metadata.generation}"
        f" and builder {environment.spec.builder.image or 'none'} by now"
    )


def _why_impossible(package: package_types.Package, seen: Observed) -> tuple[str, str] | None:
    """Reason and message for a package that cannot be built, whatever one waits for."""
    faults = package_validation.validate_reach(package)
    if faults:
        # Its builds would share a builder, and a cache of downloads, with those of strangers.
        return lifecycle.FOREIGN_REFERENCE, str(faults[0])
    key = catalog.environment_key(package)
    environment = seen.environment
    if environment is None:
        message = f"environment {key} does not exist"
        return lifecycle.ENVIRONMENT_NOT_FOUND, message
    if not environment_defaults.has_builder(environment.spec):
        hint = "give it one with --builder, or the package a deployment archive"
        return lifecycle.NO_BUILDER, f"environment {key} has no builder image: {hint}"
    if seen.fault:
        return "InvalidBuilder", seen.fault
    try:
        builder_wire.parse_command(buildcache.command_of(package, environment))
    except builder_wire.CommandError as error:
        return "BadBuildCommand", error.message
    return None


def _is_mended(package: package_types.Package, seen: Observed) -> bool:
    """Whether what a package failed for want of is there by now, or something else is missing."""
    reason = package_lifecycle.reason_of(package)
    if reason in _WANTS:
        fault = _why_impossible(package, seen)
        return fault is None or fault[0] != reason
    if reason == lifecycle.BUILDER_NOT_READY:
        return isinstance(seen.builder, builders.Target)
    return False


def _says(package: package_types.Package, reason: str, message: str) -> bool:
    return any(
        one.get("type") == "BuildSucceeded"
        and one.get("reason") == reason
        and one.get("message") == message
        for one in package.status.conditions
    )
