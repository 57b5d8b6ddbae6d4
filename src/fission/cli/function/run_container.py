"""``fission function run-container``."""

import types
from typing import Any

from fission.api import objects, resources, validation
from fission.cli import command as commands
from fission.cli import context, errors, options, specfiles
from fission.cli.function import build, container, create
from fission.meta import status


@commands.command(
    "Run an image as a function. It gets whole requests on its port, and needs no environment.\n"
    "On this machine: images that the platform has, see docs/reference/images.md.\n\n"
    "  fission fn run-container --name hello --image registry.example/hello --port 8080"
)
@options.name("Name of the function")
@options.string("--image", help="Image to run", required=True)
@container.flags
@options.integer(
    "--graceperiod",
    "--period",
    help="Seconds to finish requests",
    default=container.GRACE_SECONDS,
)
@options.string("--imagepullsecret", help="Secret to pull the image with")
@options.save
async def command(
    session: context.Session, spec: bool | None, dry: bool | None, **given: Any
) -> None:
    """Create one."""
    mode = specfiles.Mode(bool(spec), bool(dry))
    chosen = types.SimpleNamespace(**given)
    namespace = session.given_namespace if mode.is_on else session.namespace
    function = container.make_function(chosen.name, namespace, chosen)
    validation.check(function)
    if mode.is_on:
        specfiles.write(session, mode, [objects.encode(function)])
        return
    for warning in build.warnings(chosen, function.spec):
        session.out.warning(warning)
    await create.warn_missing(session, function.spec)
    try:
        await session.backend.create(resources.FUNCTIONS, objects.encode(function))
    except status.AlreadyExists as error:
        raise errors.CliError(
            "a function with the same name already exists",
            "",
            "change it with `fission fn update-container`",
        ) from error
    session.out.info(f"function '{chosen.name}' created")
