"""``fission function delete``."""

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, lookups, options


@commands.command(
    "Delete a function; its package and routes stay.\n\n"
    "  fission fn delete --name hello --ignorenotfound"
)
@options.name("Name of the function")
@options.ignore_not_found
async def command(session: context.Session, name: str, ignorenotfound: bool | None) -> None:
    """Delete one."""
    if await lookups.delete(session, resources.FUNCTIONS, name, ignorenotfound):
        session.out.info(f"function '{name}' deleted")
