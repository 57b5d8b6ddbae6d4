"""``fission down``: stop the platform on this machine; what was declared is kept."""

from fission.cli import command as commands
from fission.cli import context, options
from fission.cli.cluster import forward


@commands.command("Stop the platform on this machine; what was declared is kept.")
@options.duration("--timeout", help="Time to end", default="60s")
def command(session: context.Session, timeout: float | None) -> int:
    """Forward the flags that were given."""
    given = [] if timeout is None else ["--timeout", f"{timeout:g}"]
    return forward.run(session, ["down", *given])
