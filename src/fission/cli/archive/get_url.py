"""``fission archive get-url``."""

from fission.cli import command as commands
from fission.cli import context, options


@commands.command(
    "Show the URL under which the platform finds an archive.\n\n  fission archive get-url --id <id>"
)
@options.string("--id", help="Id of the archive", required=True)
async def command(session: context.Session, **flags: str) -> None:
    """Show it."""
    url = await session.backend.archive_url(flags["id"], session.namespace)
    session.out.text(f"URL: {url}")
