"""``fission environment get``."""

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, lookups, options, output, views


@commands.command("Show an environment.\n\n  fission env get --name python -o yaml")
@options.name("Name of the environment")
@options.output
async def command(session: context.Session, name: str, **flags: str | None) -> None:
    """Show one."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    environment = await lookups.get(session, resources.ENVIRONMENTS, name)
    if views.show_document(session, environment, chosen):
        return
    session.out.table(("NAME", "IMAGE"), [(name, environment["spec"]["runtime"]["image"])])
    views.show_conditions(session, environment)
