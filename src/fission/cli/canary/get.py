"""``fission canary get``."""

from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, lookups, options, output, views
from fission.cli.canary import table


@commands.command(
    "Show a canary configuration and how far it is.\n\n  fission canary get --name hello",
)
@options.name("Name of the canary configuration")
@options.output
async def command(session: context.Session, name: str, **flags: Any) -> None:
    """Show one."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    config = await lookups.get(session, resources.CANARYCONFIGS, name)
    if views.show_document(session, config, chosen):
        return
    table.show(session, [config], wide=chosen == "wide")
    views.show_conditions(session, config)
