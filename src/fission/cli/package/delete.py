"""``fission package delete``."""

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.cli.package import build


@commands.command(
    "Delete a package, or with --orphan all that no function uses.\n\n"
    "  fission pkg delete --name app\n"
    "  fission pkg delete --orphan"
)
@options.name("Name of the package", required=False)
@options.boolean("--orphan", help="Delete all packages that no function uses")
@options.boolean("--force", "-f", help="Delete it although functions use it")
@options.ignore_not_found
async def command(
    session: context.Session,
    name: str | None,
    orphan: bool | None,
    force: bool | None,
    ignorenotfound: bool | None,
) -> None:
    """Delete one or many."""
    if not name and not orphan:
        raise errors.UsageError("need --name or --orphan argument")
    if name:
        await _delete_one(session, name, force, ignorenotfound)
    if orphan:
        for package in await orphans(session, session.namespace):
            await lookups.delete(session, resources.PACKAGES, lookups.name_of(package), True)
        session.out.info("Orphan packages deleted")


async def orphans(session: context.Session, namespace: str | None) -> list[lookups.Obj]:
    """Packages that no function uses."""
    # Packages first: one that is seen has its function by the time that functions are listed,
    # unless it is being made this very moment.
    packages = await session.backend.list(resources.PACKAGES, namespace)
    used = {
        (lookups.namespace_of(function), build.package_of(function))
        for function in await session.backend.list(resources.FUNCTIONS, namespace)
    }
    return [
        package
        for package in packages
        if (lookups.namespace_of(package), lookups.name_of(package)) not in used
    ]


async def _delete_one(
    session: context.Session, name: str, force: bool | None, ignore_not_found: bool | None
) -> None:
    users = [] if force else await build.functions_using(session, name, session.namespace)
    if users:
        raise errors.CliError(
            "package is used by at least one function, use -f to force delete",
            f"by {', '.join(sorted(lookups.names_of(users)))}: they could not start without it",
        )
    if await lookups.delete(session, resources.PACKAGES, name, ignore_not_found):
        session.out.info(f"Package '{name}' deleted")
