"""``fission mqtrigger create``."""

import types
from typing import Any

from fission.api import messagequeuetrigger_defaults as defaults
from fission.api import messagequeuetrigger_types, objects, resources, validation
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options, specfiles
from fission.cli.mqtrigger import build
from fission.meta import status


@commands.command(
    "Call a function for each message of a topic.\n\n"
    "  fission mqt create --name orders --function handle --mqtype statestore --topic orders"
)
@options.name("Name of the trigger; a UUID if not given", required=False)
@options.string("--mqtype", help="Type of the queue", default="kafka")
@build.flags
@options.save
async def command(
    session: context.Session,
    name: str | None,
    mqtype: str | None,
    spec: bool | None,
    dry: bool | None,
    **given: Any,
) -> None:
    """Create one."""
    mode = specfiles.Mode(bool(spec), bool(dry))
    flags = types.SimpleNamespace(**given)
    missing = [f'"{flag}"' for flag in ("function", "topic") if not getattr(flags, flag)]
    if missing:
        raise errors.UsageError(f"required flag(s) {', '.join(missing)} not set")
    trigger = messagequeuetrigger_types.MessageQueueTrigger()
    trigger.metadata.namespace = session.given_namespace if mode.is_on else session.namespace
    if not name:
        name = session.new_uid()
        session.out.warning(f"no --name given, so the trigger is named {name}")
    trigger.metadata.name = name
    fill(trigger.spec, mqtype or defaults.QUEUE_TYPE, flags)
    build.check(trigger.spec)
    validation.check(trigger)
    if mode.is_on:
        specfiles.write(session, mode, [objects.encode(trigger)])
        return
    await lookups.get(session, resources.FUNCTIONS, flags.function)
    try:
        await session.backend.create(resources.MESSAGEQUEUETRIGGERS, objects.encode(trigger))
    except status.AlreadyExists as error:
        raise errors.CliError(
            f"trigger '{name}' already exists",
            remedy=f"change it with `fission mqt update --name {name}`",
        ) from error
    session.out.info(f"trigger '{name}' created")


def fill(
    spec: messagequeuetrigger_types.MessageQueueTriggerSpec, queue_type: str, flags: Any
) -> None:
    """Set everything, with the defaults written down."""
    spec.message_queue_type = queue_type
    spec.max_retries = 0
    spec.content_type = defaults.CONTENT_TYPE
    spec.polling_interval = defaults.POLLING_INTERVAL_SECONDS
    spec.cooldown_period = defaults.COOLDOWN_PERIOD_SECONDS
    spec.min_replica_count = defaults.MIN_REPLICAS
    spec.max_replica_count = defaults.MAX_REPLICAS
    spec.mqt_kind = defaults.mqt_kind(spec)
    build.apply(spec, flags)
