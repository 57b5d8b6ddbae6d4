"""The states of a Package's build. Buildermgr is the one writer.

::

    (nothing) ─▶ pending ─▶ running ─▶ succeeded
        │         ▲  ▲         ├─────▶ failed
        │         │  └─────────┘ the platform failed: again, later
        │         └── source or command changed, or a rebuild was asked for
        └─▶ none      there is a deployment archive and nothing was asked for
        └─▶ failed    there is no archive at all

Whether functions can load the package is another question: they can as soon as there is a
deployment archive, and go on with it while another is being built, or when that fails.
"""

import datetime
from typing import Final

from fission.api import conditions, package_defaults, package_types
from fission.base import clock
from fission.meta import conditions as meta_conditions

BUILD_PENDING: Final = "BuildPending"
BUILD_RUNNING: Final = "BuildRunning"
BUILD_RETRY: Final = "BuildRetry"
BUILD_FAILED: Final = "BuildFailed"
BUILDER_NOT_READY: Final = "BuilderNotReady"
ENVIRONMENT_NOT_FOUND: Final = "EnvironmentNotFound"
NO_BUILDER: Final = "NoBuilder"
FOREIGN_REFERENCE: Final = "ForeignReference"
EMPTY_PACKAGE: Final = "EmptyPackage"
EMPTY_LOG: Final = "Both deploy and source archive are empty"
PREVIOUS_BUILD: Final = "ServesPreviousBuild"


def is_loadable(package: package_types.Package) -> bool:
    """Whether its deployment archive can be fetched; whatever becomes of a later build."""
    return not package.spec.deployment.is_empty()


def mark_pending(
    package: package_types.Package,
    now: datetime.datetime,
    *,
    reason: str = BUILD_PENDING,
    message: str = "waits to be built",
    log: str = "",
) -> None:
    """It is to be built; of an earlier build only ``log`` is kept."""
    package.status.build_log = log
    _mark(package, package_types.PENDING, conditions.FALSE, reason, message, now)


def mark_running(package: package_types.Package, now: datetime.datetime, log: str = "") -> None:
    """A builder has it."""
    package.status.build_log = log
    message = "is being built"
    _mark(package, package_types.RUNNING, conditions.FALSE, BUILD_RUNNING, message, now)


def mark_succeeded(package: package_types.Package, log: str, now: datetime.datetime) -> None:
    """The deployment archive is there."""
    package.status.build_log = log
    _mark(package, package_types.SUCCEEDED, conditions.TRUE, "BuildSucceeded", "was built", now)


def mark_failed(
    package: package_types.Package, log: str, now: datetime.datetime, reason: str = BUILD_FAILED
) -> None:
    """It could not be built; the log says why."""
    package.status.build_log = log
    _mark(package, package_types.FAILED, conditions.FALSE, reason, _last_line(log), now)


def mark_no_build(package: package_types.Package, now: datetime.datetime) -> None:
    """There is nothing to build."""
    package.status.build_log = ""
    message = "holds a deployment archive"
    _mark(package, package_types.NONE, conditions.TRUE, "NoBuildNeeded", message, now)


def mark_environment(
    package: package_types.Package, *, is_current: bool, message: str, now: datetime.datetime
) -> bool:
    """Whether the environment is still the one that the package was built with."""
    value, reason = (
        (conditions.TRUE, "Current") if is_current else (conditions.FALSE, "EnvironmentChanged")
    )
    return meta_conditions.set_condition(
        package.status.conditions,
        conditions.ENVIRONMENT_CURRENT,
        value,
        reason,
        message,
        now,
        package.metadata.generation or None,
    )


def reason_of(package: package_types.Package) -> str:
    """The reason of the build's state."""
    found = meta_conditions.get(package.status.conditions, conditions.BUILD_SUCCEEDED)
    return str(found.get("reason", "")) if found else ""


def _mark(
    package: package_types.Package,
    build_status: str,
    built: str,
    reason: str,
    message: str,
    now: datetime.datetime,
) -> None:
    status, generation = package.status, package.metadata.generation or None
    status.build_status = build_status
    status.content_hash = package_defaults.content_hash(package.spec)
    status.last_update_timestamp = clock.format_rfc3339(now)
    meta_conditions.set_condition(
        status.conditions, conditions.BUILD_SUCCEEDED, built, reason, message, now, generation
    )
    ready = built
    if built == conditions.FALSE and is_loadable(package):
        ready, message = conditions.TRUE, f"functions run the build before; the latest: {message}"
        reason = PREVIOUS_BUILD
    meta_conditions.set_condition(
        status.conditions, conditions.READY, ready, reason, message, now, generation
    )


def _last_line(log: str) -> str:
    lines = log.strip().splitlines()
    return lines[-1][:1024] if lines else "the build failed"
