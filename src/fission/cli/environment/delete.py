"""``fission environment delete``."""

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options


@commands.command("Delete an environment that no function uses.")
@options.name("Name of the environment")
@options.ignore_not_found
@options.boolean("--force", "-f", help="Delete it although functions use it")
async def command(
    session: context.Session, name: str, ignorenotfound: bool | None, force: bool | None
) -> None:
    """Delete one."""
    if not force and await lookups.find(session, resources.ENVIRONMENTS, name):
        await _refuse_used(session, name)
    if await lookups.delete(session, resources.ENVIRONMENTS, name, ignorenotfound):
        session.out.line(f"environment '{name}' deleted")


async def _refuse_used(session: context.Session, name: str) -> None:
    namespace = session.namespace
    users = [
        lookups.name_of(function)
        for function in await session.backend.list(resources.FUNCTIONS, namespace)
        if (function["spec"].get("environment") or {}).get("name") == name
    ]
    if users:
        raise errors.CliError(
            "environment is used by at least one function: "
            f"{', '.join(sorted(users))}; delete them first, or use --force"
        )
