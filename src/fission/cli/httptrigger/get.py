"""``fission httptrigger get``."""

from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, deliveries, lookups, options, output, views
from fission.cli.httptrigger import table


@commands.command(
    "Show a route.\n\n  fission route get --name hello",
)
@options.name("Name of the route")
@options.output
async def command(session: context.Session, name: str, **flags: Any) -> None:
    """Show one."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    trigger = await lookups.get(session, resources.HTTPTRIGGERS, name)
    if views.show_document(session, trigger, chosen):
        return
    table.show(session, [trigger], wide=chosen == "wide")
    views.show_conditions(session, trigger)
    deliveries.show(session, trigger)
