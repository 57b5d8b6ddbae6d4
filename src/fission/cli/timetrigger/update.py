"""``fission timetrigger update``."""

import types
from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, missing, options
from fission.cli.timetrigger import build, schedule


@commands.command(
    "Update a timer; only what is given changes. Another schedule counts from now.\n\n"
    "  fission timer update --name nightly --cron '0 3 * * *' --missedgrace 1h",
    updates=True,
)
@options.name("Name of the trigger")
@build.flags
async def command(session: context.Session, name: str, **given: Any) -> None:
    """Change one."""
    flags = types.SimpleNamespace(**given)
    if build.is_empty(flags):
        raise errors.UsageError(
            "nothing to update",
            remedy="use --function, --cron, --method, --subpath or --missedgrace",
        )
    if flags.function:
        await missing.warn(session, [flags.function], session.namespace)
    await lookups.change(
        session, resources.TIMETRIGGERS, name, lambda trigger: build.apply(trigger, flags)
    )
    session.out.info(f"trigger '{name}' updated")
    if flags.cron:
        await schedule.show(session, schedule.parse(flags.cron), 1)
