"""``fission watch delete``."""

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, lookups, options


@commands.command(
    "Delete a watch trigger.\n\n  fission watch delete --name web",
)
@options.name("Name of the trigger")
@options.ignore_not_found
async def command(session: context.Session, name: str, ignorenotfound: bool | None) -> None:
    """Delete one."""
    if await lookups.delete(session, resources.KUBERNETESWATCHTRIGGERS, name, ignorenotfound):
        session.out.info(f"trigger '{name}' deleted")
