"""``fission watch list``."""

from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, lookups, options, output, views
from fission.cli.watch import table


@commands.command(
    "List watch triggers.\n\n  fission watch list -o wide",
)
@options.all_namespaces
@options.output
async def command(session: context.Session, all_namespaces: bool | None, **flags: Any) -> None:
    """List them."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    found = await lookups.list_all(session, resources.KUBERNETESWATCHTRIGGERS, all_namespaces)
    if not views.show_document(session, found, chosen):
        table.show(session, found, wide=chosen == "wide")
