"""``fission environment create``."""

import types
from typing import Any

from fission.api import environment_defaults, objects, resources, validation
from fission.cli import command as commands
from fission.cli import context, errors, options, specfiles
from fission.cli.environment import build
from fission.meta import status


@commands.command(
    "Create an environment: the images that run and build one language.\n\n"
    "  fission env create --name python --image fission/python-env --builder fission/python-builder"
)
@options.name("Name of the environment")
@options.string("--image", help="Image of the runtime", required=True)
@options.integer("--version", help="Interface that the images speak", default=3)
@build.flags
@options.save
async def command(
    session: context.Session, spec: bool | None, dry: bool | None, **given: Any
) -> None:
    """Create an environment."""
    mode = specfiles.Mode(bool(spec), bool(dry))
    flags = types.SimpleNamespace(**given)
    namespace = session.given_namespace if mode.is_on else session.namespace
    environment = build.make_environment(namespace, flags)
    if flags.poolsize is None:
        size = environment_defaults.POOL_SIZE
        if not mode.dry:
            session.out.info(f"poolsize setting default to {size}")
    elif flags.poolsize < 1:
        session.out.warning("poolsize is not positive, so no pods are kept warm")
    if mode.is_on:
        validation.check(environment)
        specfiles.write(session, mode, [objects.encode(environment)])
        return
    validation.check(environment)
    try:
        await session.backend.create(resources.ENVIRONMENTS, objects.encode(environment))
    except status.AlreadyExists as error:
        raise errors.CliError(
            f"environment '{flags.name}' already exists",
            remedy=f"change it with `fission env update --name {flags.name}`",
        ) from error
    session.out.info(f"environment '{flags.name}' created")
