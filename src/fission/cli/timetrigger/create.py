"""``fission timetrigger create``."""

import types
from typing import Any

from fission.api import objects, resources, timetrigger_types, validation
from fission.cli import command as commands
from fission.cli import context, errors, missing, options, specfiles
from fission.cli.timetrigger import build, schedule
from fission.meta import status


@commands.command(
    "Call a function at the times of a schedule.\n\n"
    "  fission timer create --name nightly --function report --cron '30 2 * * *'"
)
@options.name("Name of the trigger; a UUID if not given", required=False)
@build.flags
@options.save
async def command(
    session: context.Session,
    name: str | None,
    spec: bool | None,
    dry: bool | None,
    **given: Any,
) -> None:
    """Create one."""
    mode = specfiles.Mode(bool(spec), bool(dry))
    flags = types.SimpleNamespace(**given)
    for flag in ("function", "cron"):
        if not getattr(flags, flag):
            raise errors.UsageError(f'required flag(s) "{flag}" not set')
    trigger = timetrigger_types.TimeTrigger()
    trigger.metadata.namespace = session.given_namespace if mode.is_on else session.namespace
    if not name:
        name = session.new_uid()
        session.out.warning(f"no --name given, so the trigger is named {name}")
    trigger.metadata.name = name
    build.apply(trigger, flags)
    validation.check(trigger)
    if mode.is_on:
        specfiles.write(session, mode, [objects.encode(trigger)])
        return
    await missing.warn(session, [flags.function], session.namespace)
    try:
        await session.backend.create(resources.TIMETRIGGERS, objects.encode(trigger))
    except status.AlreadyExists as error:
        raise errors.CliError(
            f"trigger '{name}' already exists",
            remedy=f"change it with `fission timer update --name {name}`",
        ) from error
    session.out.info(f"trigger '{name}' created")
    await schedule.show(session, schedule.parse(flags.cron), 1)
