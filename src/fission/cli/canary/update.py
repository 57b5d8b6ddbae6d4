"""``fission canary update``."""

import types
from typing import Any

from fission.api import canaryconfig_types, resources
from fission.cli import command as commands
from fission.cli import context, lookups, options
from fission.cli.canary import build


@commands.command(
    "Update a canary configuration; only what is given changes. A change begins one that has\n"
    "ended anew, from the weights that the route has.\n\n"
    "  fission canary update --name hello --increment-step 50",
    updates=True,
)
@options.name("Name of the canary configuration")
@build.pace
async def command(session: context.Session, name: str, **given: Any) -> None:
    """Change one."""
    flags = types.SimpleNamespace(**given)

    def change(config: canaryconfig_types.CanaryConfig) -> None:
        build.apply_pace(config.spec, flags)

    await lookups.change(session, resources.CANARYCONFIGS, name, change)
    session.out.info(f"canary config '{name}' updated")
