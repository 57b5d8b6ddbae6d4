"""``fission canary delete``."""

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, lookups, options


@commands.command(
    "Delete a canary configuration; the route keeps the weights that it has.\n\n"
    "  fission canary delete --name hello",
)
@options.name("Name of the canary configuration")
@options.ignore_not_found
async def command(session: context.Session, name: str, ignorenotfound: bool | None) -> None:
    """Delete one."""
    if await lookups.delete(session, resources.CANARYCONFIGS, name, ignorenotfound):
        session.out.info(f"canary config '{name}' deleted")
