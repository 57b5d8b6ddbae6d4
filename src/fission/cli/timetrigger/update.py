"""``fission timetrigger update``."""

import types
from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.cli.timetrigger import build, create, schedule


@commands.command(
    "Update a timer; only what is given changes. Another schedule counts from now.", updates=True
)
@options.name("Name of the trigger")
@build.flags
async def command(session: context.Session, name: str, **given: Any) -> None:
    """Change one."""
    flags = types.SimpleNamespace(**given)
    if build.is_empty(flags):
        raise errors.UsageError(
            "nothing to update: use --function, --cron, --method, --subpath or --missedgrace"
        )
    if flags.function:
        await create.warn_missing(session, flags.function)
    await lookups.change(
        session, resources.TIMETRIGGERS, name, lambda trigger: build.apply(trigger, flags)
    )
    session.out.line(f"trigger '{name}' updated")
    if flags.cron:
        await schedule.show(session, schedule.parse(flags.cron), 1)
