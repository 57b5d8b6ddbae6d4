"""``fission mqtrigger delete``."""

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, lookups, options


@commands.command(
    "Delete a message queue trigger; its topics stay.\n\n  fission mqt delete --name orders",
)
@options.name("Name of the trigger")
@options.ignore_not_found
async def command(session: context.Session, name: str, ignorenotfound: bool | None) -> None:
    """Delete one."""
    if await lookups.delete(session, resources.MESSAGEQUEUETRIGGERS, name, ignorenotfound):
        session.out.info(f"trigger '{name}' deleted")
