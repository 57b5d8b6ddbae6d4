"""``fission completion fish``."""

from fission.cli import command as commands
from fission.cli import context
from fission.cli.completion import scripts


@commands.command(scripts.help_of("fish"))
def command(session: context.Session) -> None:
    """Print the script."""
    session.out.text(scripts.TEXTS["fish"])
