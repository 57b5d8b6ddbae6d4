"""``fission package list``."""

import datetime
from typing import Any

from fission.api import package_types, resources
from fission.base import clock
from fission.cli import command as commands
from fission.cli import context, lookups, options, output, suggest, views
from fission.cli.package import buildstate, delete

_HEADER = ("NAME", "BUILD_STATUS", "ENV", "LASTUPDATEDAT", "READY", "NAMESPACE")


@commands.command("List packages, the last updated first.\n\n  fission pkg list --status failed")
@options.boolean("--orphan", help="Only those that no function uses")
@options.string("--status", help="Only those with this build status")
@options.boolean("--outdated", help="Only those whose environment has changed since their build")
@options.all_namespaces
@options.output
async def command(
    session: context.Session,
    orphan: bool | None,
    status: str | None,
    outdated: bool | None,
    all_namespaces: bool | None,
    **flags: Any,
) -> None:
    """List them."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    if status:
        suggest.check_choice("build status", status, package_types.BUILD_STATUSES)
    namespace = None if all_namespaces else session.namespace
    if orphan:
        found = await delete.orphans(session, namespace)
    else:
        found = await session.backend.list(resources.PACKAGES, namespace)
    found = [each for each in found if not status or build_status(each) == status]
    if outdated:
        found = [each for each in found if buildstate.is_outdated(each)]
    found.sort(key=lookups.name_of)
    found.sort(key=_updated, reverse=True)
    if views.show_document(session, found, chosen):
        return
    wide = chosen == "wide"
    session.out.table(
        (*_HEADER, "AGE") if wide else _HEADER,
        [(*_row(each), views.age(session, each)) if wide else _row(each) for each in found],
    )


def build_status(package: dict[str, Any]) -> str:
    """How far its build is."""
    return buildstate.build_status(package) or output.NONE


def _updated(package: dict[str, Any]) -> str:
    status = package.get("status") or {}
    stamp = status.get("lastUpdateTimestamp") or package["metadata"].get("creationTimestamp")
    return str(stamp or "")


def _row(package: dict[str, Any]) -> tuple[str, ...]:
    return (
        lookups.name_of(package),
        build_status(package),
        package["spec"]["environment"].get("name", ""),
        format_rfc822(_updated(package)),
        views.ready(package),
        lookups.namespace_of(package),
    )


def format_rfc822(stamp: str) -> str:
    """A moment as ``02 Jan 26 15:04 UTC``."""
    if not stamp:
        return output.NONE
    moment: datetime.datetime = clock.parse_rfc3339(stamp)
    return moment.strftime("%d %b %y %H:%M UTC")
