"""``fission package wait``."""

from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, options, waiting


@commands.command(
    "Wait until a condition of a package has a status.\n\n"
    "  fission pkg wait --name app --for condition=Ready --timeout 5m"
)
@options.name("Name of the package")
@options.string("--for", help="condition=<Type>[=True|False|Unknown]", required=True)
@options.duration("--timeout", help="Longest wait", default="60s")
async def command(session: context.Session, name: str, timeout: float | None, **flags: Any) -> None:
    """Wait."""
    await waiting.run(session, resources.PACKAGES, name, flags["for"], timeout)
