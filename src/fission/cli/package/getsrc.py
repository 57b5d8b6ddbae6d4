"""``fission package getsrc``."""

from fission.cli import command as commands
from fission.cli import context, options
from fission.cli.package import contents


@commands.command(
    "Write a package's source archive to a file or to stdout.\n\n"
    "  fission pkg getsrc --name app --output app.zip"
)
@options.name("Name of the package")
@options.string("--output", "-o", help="File to write; stdout if not given")
async def command(session: context.Session, name: str, **flags: str | None) -> None:
    """Write it."""
    await contents.write(session, name, flags["output"], source=True)
