"""``fission watch get``."""

from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, deliveries, lookups, options, output, views
from fission.cli.watch import table


@commands.command(
    "Show a watch trigger: whether it works, and what it has delivered.\n\n"
    "  fission watch get --name web",
)
@options.name("Name of the trigger")
@options.output
async def command(session: context.Session, name: str, **flags: Any) -> None:
    """Show one."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    trigger = await lookups.get(session, resources.KUBERNETESWATCHTRIGGERS, name)
    if views.show_document(session, trigger, chosen):
        return
    table.show(session, [trigger], wide=chosen == "wide")
    views.show_conditions(session, trigger)
    deliveries.show(session, trigger)
    gap = (trigger.get("status") or {}).get("lastGap")
    if gap:
        age = output.format_age(gap.get("at"), session.clock.now())
        session.out.line(f"Last gap ({age} ago): {output.one_line(str(gap.get('message', '')))}")
