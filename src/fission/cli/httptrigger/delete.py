"""``fission httptrigger delete``."""

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.cli.httptrigger import list as trigger_list


@commands.command(
    "Delete a route, or all routes to a function.\n\n  fission route delete --name hello",
)
@options.name("Name of the route", required=False)
@options.string("--function", help="Delete all routes to this function")
@options.ignore_not_found
async def command(
    session: context.Session, name: str | None, function: str | None, ignorenotfound: bool | None
) -> None:
    """Delete one or many."""
    if bool(name) == bool(function):
        raise errors.UsageError("need either --name or --function argument")
    names = [name] if name else await _names_for(session, str(function), ignorenotfound)
    for each in names:
        if await lookups.delete(session, resources.HTTPTRIGGERS, each, ignorenotfound):
            session.out.info(f"trigger '{each}' deleted")


async def _names_for(
    session: context.Session, function: str, ignore_not_found: bool | None
) -> list[str]:
    found = await lookups.list_all(session, resources.HTTPTRIGGERS, False)
    names = lookups.names_of([each for each in found if trigger_list.calls(each, function)])
    if not names and not ignore_not_found:
        raise errors.CliError(
            f"no route leads to function '{function}'",
            remedy="see the routes with `fission route list`; --ignorenotfound takes it for done",
        )
    return names
