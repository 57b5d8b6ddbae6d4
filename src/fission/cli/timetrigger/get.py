"""``fission timetrigger get``."""

from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, deliveries, lookups, options, output, views
from fission.cli.timetrigger import table


@commands.command(
    "Show a timer: its last and next tick, and what became of those before.\n\n"
    "  fission timer get --name nightly",
)
@options.name("Name of the trigger")
@options.output
async def command(session: context.Session, name: str, **flags: Any) -> None:
    """Show one."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    trigger = await lookups.get(session, resources.TIMETRIGGERS, name)
    if views.show_document(session, trigger, chosen):
        return
    table.show(session, [trigger], wide=chosen == "wide")
    table.show_ticks(session, trigger)
    views.show_conditions(session, trigger)
    deliveries.show(session, trigger)
