"""``fission status``: what runs on this machine, and how it is isolated."""

from fission.cli import command as commands
from fission.cli import context, options
from fission.cli.cluster import forward


@commands.command("Show what runs on this machine, where it listens and how it is isolated.")
@options.string("--output", "-o", help="Output format: json")
def command(session: context.Session, output: str | None) -> int:
    """Forward the flags that were given."""
    return forward.run(session, ["status", *(["--output", output] if output else [])])
