"""``fission environment delete``."""

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.meta import status


@commands.command(
    "Delete an environment that no function uses.\n\n  fission env delete --name python"
)
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
        session.out.info(f"environment '{name}' deleted")


async def _refuse_used(session: context.Session, name: str) -> None:
    namespace = session.namespace
    users = []
    for function in await _functions(session):
        used = function["spec"].get("environment") or {}
        home = lookups.namespace_of(function)
        if (used.get("name"), used.get("namespace") or home) == (name, namespace):
            prefix = "" if home == namespace else f"{home}/"
            users.append(f"{prefix}{lookups.name_of(function)}")
    if users:
        raise errors.CliError(
            "environment is used by at least one function",
            f"by {', '.join(sorted(users))}",
            "delete them first, or use --force",
        )


async def _functions(session: context.Session) -> list[lookups.Obj]:
    """Functions of all namespaces, as any may use it; of its own for who sees no others."""
    try:
        return await session.backend.list(resources.FUNCTIONS, None)
    except status.Forbidden:
        return await session.backend.list(resources.FUNCTIONS, session.namespace)
