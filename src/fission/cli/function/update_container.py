"""``fission function update-container``."""

import types
from typing import Any

from fission.api import function_types, objects, resources
from fission.cli import command as commands
from fission.cli import context, lookups, options
from fission.cli.function import build, container, create, settling


@commands.command(
    "Update a function that runs an image; only what is given changes, the port too.\n"
    "Pods with the new settings are ready before the old ones go.\n\n"
    "  fission fn update-container --name hello --image registry.example/hello:2",
    updates=True,
)
@options.name("Name of the function")
@options.string("--image", help="Image to run")
@container.flags
@options.boolean("--spec", help="Change it in the specs directory instead")
async def command(session: context.Session, name: str, spec: bool | None, **given: Any) -> None:
    """Change one."""
    chosen = types.SimpleNamespace(**given)

    def change(function: function_types.Function) -> None:
        container.apply(function, chosen)

    if spec:
        from fission.cli.spec import amending

        found, made = await amending.update(session, name, change)
        for warning in build.warnings(chosen, made.spec, found.spec):
            session.out.warning(warning)
        return
    raw = await lookups.get(session, resources.FUNCTIONS, name)

    changed = await lookups.change(session, resources.FUNCTIONS, name, change)
    before = objects.decode(function_types.Function, raw).spec
    after = objects.decode(function_types.Function, changed).spec
    for warning in build.warnings(chosen, after, before):
        session.out.warning(warning)
    if build.names_of_sources(after) != build.names_of_sources(before):
        await create.warn_missing(session, after)
    await settling.settle(session, changed)
    session.out.info(f"Function '{name}' updated")
