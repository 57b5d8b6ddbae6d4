"""``fission httptrigger create``."""

import types
from typing import Any

from fission.api import httptrigger_defaults, httptrigger_types, objects, resources, validation
from fission.cli import command as commands
from fission.cli import context, errors, missing, options, specfiles
from fission.cli.httptrigger import build, conflicts
from fission.meta import status


@commands.command(
    "Create a route to a function.\n\n"
    "  fission route create --name hello --method GET --url /hello --function hello"
)
@options.name("Name of the route; a UUID if not given", required=False)
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
    if not flags.function:
        raise errors.UsageError('required flag(s) "function" not set')
    trigger = httptrigger_types.HTTPTrigger()
    trigger.metadata.namespace = session.given_namespace if mode.is_on else session.namespace
    if not name:
        name = session.new_uid()
        session.out.warning(f"no --name given, so the route is named {name}")
    trigger.metadata.name = name
    _fill(session, trigger, flags)
    validation.check(trigger)
    if mode.is_on:
        specfiles.write(session, mode, [objects.encode(trigger)])
        return
    functions = httptrigger_defaults.weights(trigger.spec.function_ref)
    await missing.warn(session, functions, trigger.metadata.namespace)
    await conflicts.refuse(session, trigger)
    try:
        await session.backend.create(resources.HTTPTRIGGERS, objects.encode(trigger))
    except status.AlreadyExists as error:
        raise errors.CliError(
            f"trigger '{name}' already exists",
            remedy=f"change it with `fission route update --name {name}`",
        ) from error
    session.out.info(f"trigger '{name}' created")


def _fill(session: context.Session, trigger: httptrigger_types.HTTPTrigger, flags: Any) -> None:
    spec = trigger.spec
    build.apply_function(spec, flags)
    warning = build.apply_path(spec, flags)
    build.apply_methods(spec, flags.method)
    for text in (warning, *build.apply_exposure(spec, flags)):
        if text:
            session.out.warning(text)
