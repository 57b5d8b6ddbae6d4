"""``fission watch wait``."""

from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, options, waiting


@commands.command(
    "Wait until a condition of a watch trigger has a status.\n\n"
    "  fission watch wait --name web --for condition=Ready",
)
@options.name("Name of the trigger")
@options.string("--for", help="condition=<Type>[=True|False|Unknown]", required=True)
@options.duration("--timeout", help="Longest wait", default="60s")
async def command(session: context.Session, name: str, timeout: float | None, **flags: Any) -> None:
    """Wait."""
    await waiting.run(session, resources.KUBERNETESWATCHTRIGGERS, name, flags["for"], timeout)
