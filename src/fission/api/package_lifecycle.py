"""The states of a Package's build. Buildermgr is the one writer.

::

    (nothing) ─▶ pending ─▶ running ─▶ succeeded
        │           ▲           └────▶ failed
        │           └── source changed, or a rebuild was asked for
        └─▶ none      there is only a deployment archive
        └─▶ failed    there is no archive at all
"""

import datetime

from fission.api import conditions, package_defaults, package_types
from fission.base import clock
from fission.meta import conditions as meta_conditions


def is_loadable(package: package_types.Package) -> bool:
    """Whether its deployment archive can be fetched."""
    return package.status.build_status in (package_types.SUCCEEDED, package_types.NONE) or (
        package.status.build_status in ("", package_types.PENDING)
        and package_defaults.initial_build_status(package.spec) == package_types.NONE
    )


def mark_pending(package: package_types.Package, now: datetime.datetime) -> None:
    """It is to be built; what an earlier build said is forgotten."""
    package.status.build_log = ""
    _mark(
        package, package_types.PENDING, conditions.FALSE, "BuildPending", "waits to be built", now
    )


def mark_running(package: package_types.Package, now: datetime.datetime) -> None:
    """A builder has it."""
    _mark(package, package_types.RUNNING, conditions.FALSE, "BuildRunning", "is being built", now)


def mark_succeeded(package: package_types.Package, log: str, now: datetime.datetime) -> None:
    """The deployment archive is there."""
    package.status.build_log = log
    _mark(package, package_types.SUCCEEDED, conditions.TRUE, "BuildSucceeded", "was built", now)


def mark_failed(
    package: package_types.Package, log: str, now: datetime.datetime, reason: str = "BuildFailed"
) -> None:
    """It could not be built; the log says why."""
    package.status.build_log = log
    _mark(package, package_types.FAILED, conditions.FALSE, reason, _last_line(log), now)


def mark_no_build(package: package_types.Package, now: datetime.datetime) -> None:
    """There is nothing to build."""
    _mark(
        package,
        package_types.NONE,
        conditions.TRUE,
        "NoBuildNeeded",
        "holds a deployment archive",
        now,
    )


def _mark(
    package: package_types.Package,
    build_status: str,
    ready: str,
    reason: str,
    message: str,
    now: datetime.datetime,
) -> None:
    status = package.status
    status.build_status = build_status
    status.content_hash = package_defaults.content_hash(package.spec)
    status.last_update_timestamp = clock.format_rfc3339(now)
    for type_ in (conditions.BUILD_SUCCEEDED, conditions.READY):
        meta_conditions.set_condition(status.conditions, type_, ready, reason, message, now)


def _last_line(log: str) -> str:
    lines = log.strip().splitlines()
    return lines[-1][:1024] if lines else "the build failed"
