"""``fission archive list``."""

from fission.cli import command as commands
from fission.cli import context


@commands.command("List the ids of all archives.")
async def command(session: context.Session) -> None:
    """List them."""
    found = await session.backend.list_archives(session.namespace)
    session.out.table(("ARCHIVES",), [(each,) for each in found])
