"""``fission httptrigger update``."""

import types
from typing import Any

from fission.api import httptrigger_defaults, httptrigger_types, resources
from fission.cli import command as commands
from fission.cli import context, lookups, missing, options
from fission.cli.httptrigger import build, conflicts


@commands.command(
    "Update a route; only what is given changes.\n\n"
    "  fission route update --name hello --method GET --method POST\n"
    "  fission route update --name hello --function hello-v2",
    updates=True,
)
@options.name("Name of the route")
@build.flags
async def command(session: context.Session, name: str, **given: Any) -> None:
    """Change one."""
    flags = types.SimpleNamespace(**given)
    raw = await lookups.get(session, resources.HTTPTRIGGERS, name)
    warnings: list[str] = []

    def change(trigger: httptrigger_types.HTTPTrigger) -> None:
        spec = trigger.spec
        if flags.function or flags.weight:
            build.apply_function(spec, flags)
        if flags.url or flags.prefix:
            warnings[:] = [build.apply_path(spec, flags)]
        if flags.method:
            build.apply_methods(spec, flags.method)
        warnings.extend(build.apply_exposure(spec, flags))

    rehearsed = lookups.changed(resources.HTTPTRIGGERS, raw, change)
    for text in dict.fromkeys(warnings):
        if text:
            session.out.warning(text)
    functions = httptrigger_defaults.weights(rehearsed.spec.function_ref)
    await missing.warn(session, functions, rehearsed.metadata.namespace)
    await conflicts.refuse(session, rehearsed)
    await lookups.change(session, resources.HTTPTRIGGERS, name, change)
    session.out.info(f"trigger '{name}' updated")
