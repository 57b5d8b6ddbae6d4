"""``fission function wait``."""

from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, options, waiting


@commands.command(
    "Wait until a condition of a function has a status.\n\n"
    "  fission fn wait --name hello --for condition=Ready"
)
@options.name("Name of the function")
@options.string("--for", help="condition=<Type>[=True|False|Unknown]", required=True)
@options.duration("--timeout", help="Longest wait", default="60s")
async def command(session: context.Session, name: str, timeout: float | None, **flags: Any) -> None:
    """Wait."""
    await waiting.run(session, resources.FUNCTIONS, name, flags["for"], timeout)
