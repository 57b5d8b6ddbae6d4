"""``fission mqtrigger update``."""

import types
from typing import Any

from fission.api import messagequeuetrigger_types, resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.cli.mqtrigger import build


@commands.command(
    "Update a message queue trigger; only what is given changes.\n\n"
    "  fission mqt update --name orders --maxretries 3 --errortopic orders-failed",
    updates=True,
)
@options.name("Name of the trigger")
@build.flags
async def command(session: context.Session, name: str, **given: Any) -> None:
    """Change one."""
    flags = types.SimpleNamespace(**given)
    probe = messagequeuetrigger_types.MessageQueueTriggerSpec()
    if not build.apply(probe, flags):
        raise errors.UsageError("nothing changed", remedy="give at least one flag besides --name")
    if flags.function:
        await lookups.get(session, resources.FUNCTIONS, flags.function)

    def change(trigger: messagequeuetrigger_types.MessageQueueTrigger) -> None:
        build.apply(trigger.spec, flags)
        build.check(trigger.spec)

    await lookups.change(session, resources.MESSAGEQUEUETRIGGERS, name, change)
    session.out.info(f"message queue trigger '{name}' updated")
