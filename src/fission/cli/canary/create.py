"""``fission canary create``."""

import types
from typing import Any

from fission.api import canaryconfig_defaults, canaryconfig_types, objects, resources, validation
from fission.cli import command as commands
from fission.cli import context, errors, options, specfiles
from fission.cli.canary import build
from fission.meta import status


@commands.command(
    "Move the traffic of a route from one function to another, step by step, and back when calls\n"
    "fail.\n\n"
    "  fission canary create --name hello --httptrigger hello --newfunction hello-v2 "
    "--oldfunction hello-v1"
)
@options.name("Name of the canary configuration")
@options.string("--httptrigger", help="Route with weights of both functions", required=True)
@options.string("--newfunction", "--newfn", help="Function that gains traffic", required=True)
@options.string("--oldfunction", "--oldfn", help="Function that loses traffic", required=True)
@build.pace
@options.save
async def command(
    session: context.Session,
    name: str,
    httptrigger: str,
    newfunction: str,
    oldfunction: str,
    spec: bool | None,
    dry: bool | None,
    **given: Any,
) -> None:
    """Create one."""
    mode = specfiles.Mode(bool(spec), bool(dry))
    config = canaryconfig_types.CanaryConfig()
    config.metadata.name = name
    config.metadata.namespace = session.given_namespace if mode.is_on else session.namespace
    config.spec = canaryconfig_types.CanaryConfigSpec(
        trigger=httptrigger,
        new_function=newfunction,
        old_function=oldfunction,
        weight_increment=canaryconfig_defaults.WEIGHT_INCREMENT,
        duration=canaryconfig_defaults.INTERVAL,
        failure_threshold=canaryconfig_defaults.FAILURE_THRESHOLD,
        failure_type=canaryconfig_types.STATUS_CODE,
    )
    build.apply_pace(config.spec, types.SimpleNamespace(**given))
    validation.check(config)
    if mode.is_on:
        specfiles.write(session, mode, [objects.encode(config)])
        return
    await build.check_trigger(session, config.spec)
    try:
        await session.backend.create(resources.CANARYCONFIGS, objects.encode(config))
    except status.AlreadyExists as error:
        raise errors.CliError(
            f"canary config '{name}' already exists",
            remedy=f"change it with `fission canary update --name {name}`",
        ) from error
    session.out.info(f"canary config '{name}' created")
