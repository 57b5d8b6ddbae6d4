"""``fission httptrigger list``."""

from typing import Any

from fission.api import httptrigger_defaults, httptrigger_types, objects, resources
from fission.cli import command as commands
from fission.cli import context, lookups, options, output, views
from fission.cli.httptrigger import table


@commands.command(
    "List routes.\n\n  fission route list --function hello\n  fission route list -A -o wide",
)
@options.string("--function", help="Only those to this function")
@options.all_namespaces
@options.output
async def command(
    session: context.Session, function: str | None, all_namespaces: bool | None, **flags: Any
) -> None:
    """List them."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    found = await lookups.list_all(session, resources.HTTPTRIGGERS, all_namespaces)
    if function:
        found = [each for each in found if calls(each, function)]
    if not views.show_document(session, found, chosen):
        table.show(session, found, wide=chosen == "wide")


def calls(trigger: dict[str, Any], function: str) -> bool:
    """Whether a route leads to a function."""
    spec = objects.decode(httptrigger_types.HTTPTrigger, trigger).spec
    return function in httptrigger_defaults.weights(spec.function_ref)
