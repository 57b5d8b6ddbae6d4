"""``fission environment update``."""

import types
from typing import Any

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, lookups, options
from fission.cli.environment import build


@commands.command("Update an environment; only what is given changes.", updates=True)
@options.name("Name of the environment")
@options.string("--image", help="Image of the runtime")
@build.flags
async def command(session: context.Session, name: str, **given: Any) -> None:
    """Change one."""
    flags = types.SimpleNamespace(name=name, **given)
    if flags.poolsize is not None and flags.poolsize < 1:
        session.out.warning("poolsize is not positive, so no pods are kept warm")
    await lookups.change(
        session, resources.ENVIRONMENTS, name, lambda environment: build.apply(environment, flags)
    )
    session.out.line(f"environment '{name}' updated")
