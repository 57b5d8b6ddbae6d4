"""``fission package info``."""

from typing import Any

from fission.api import objects, package_types, resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options, output, views
from fission.cli.package import follow
from fission.cli.package import list as package_list


@commands.command(
    "Show a package, its archives and what its build said.\n\n"
    "  fission pkg info --name app --follow"
)
@options.name("Name of the package")
@options.boolean("--follow", "follow_build", help="Wait for the build and show its log")
@options.output
async def command(
    session: context.Session, name: str, follow_build: bool | None, **flags: Any
) -> None:
    """Show one."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    if follow_build and chosen:
        raise errors.UsageError("--follow shows a log; it does not go with --output")
    raw = await lookups.get(session, resources.PACKAGES, name)
    if views.show_document(session, raw, chosen):
        return
    _show_head(session, raw)
    if follow_build:
        session.out.line("\nBuild Logs:")
        await follow.until_built(session, name)
        return
    views.show_conditions(session, raw)
    session.out.line(f"\nBuild Logs:\n{_log(raw)}".rstrip("\n"))


def _log(raw: dict[str, Any]) -> str:
    return str((raw.get("status") or {}).get("buildlog") or "")


def _show_head(session: context.Session, raw: dict[str, Any]) -> None:
    package = objects.decode(package_types.Package, raw)
    rows = [
        ("Name:", package.metadata.name),
        ("Environment:", package.spec.environment.name),
        ("Status:", package_list.build_status(raw)),
    ]
    if package.spec.build_command:
        rows.append(("Build command:", package.spec.build_command))
    if not package.spec.source.is_empty():
        rows.append(("Source:", describe_archive(package.spec.source)))
    rows.append(("Deployment:", describe_archive(package.spec.deployment)))
    session.out.table(rows[0], rows[1:])


def describe_archive(archive: package_types.Archive) -> str:
    """Where an archive is."""
    if archive.oci is not None:
        digest = f"@{archive.oci.digest}" if archive.oci.digest else ""
        return f"OCI image {archive.oci.image}{digest}"
    if archive.literal:
        return f"embedded {len(archive.literal)} bytes"
    return archive.url or output.NONE
