"""``fission archive delete``."""

from fission.cli import command as commands
from fission.cli import context, options


@commands.command("Delete an archive.\n\n  fission archive delete --id <id>")
@options.string("--id", help="Id of the archive", required=True)
async def command(session: context.Session, **flags: str) -> None:
    """Delete one."""
    await session.backend.delete_archive(flags["id"], session.namespace)
    session.out.line(f"Deleted archive with id: {flags['id']}")
