"""``fission function log``."""

from typing import Any, Final

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.cli.function import podlogs

_DRIVERS: Final = ("kubernetes",)
_ALL_LINES: Final = 1000


@commands.command("Show what a function's newest pod printed.")
@options.name("Name of the function")
@options.boolean("--follow", "-f", help="Go on as more is printed")
@options.integer("--recordcount", help="Lines to show", default=20)
@options.boolean("--detail", "-d", help="Say which pod and container")
@options.string("--pod", help="Of this pod")
@options.boolean("--all-pods", help="Of all pods of the function")
@options.string("--dbtype", help="Where logs are kept", default="kubernetes")
async def command(session: context.Session, name: str, **flags: Any) -> None:
    """Show them."""
    driver = flags["dbtype"]
    if driver is not None and driver not in _DRIVERS:
        raise errors.UsageError(f'unknown dbtype "{driver}": supported are {", ".join(_DRIVERS)}')
    count = flags["recordcount"]
    lines = 20 if count is None else count if count > 0 else _ALL_LINES
    function = await lookups.get(session, resources.FUNCTIONS, name)
    pods = await podlogs.pods_of(session, function)
    if flags["pod"]:
        pods = _named(pods, flags["pod"])
    elif not flags["all_pods"]:
        pods = [podlogs.newest(pods)]
    await podlogs.show(
        session,
        function,
        pods,
        lines=lines,
        follow=bool(flags["follow"]),
        detail=bool(flags["detail"]),
    )


def _named(pods: list[lookups.Obj], name: str) -> list[lookups.Obj]:
    found = [pod for pod in pods if lookups.name_of(pod) == name]
    if not found:
        names = ", ".join(sorted(lookups.names_of(pods)))
        raise errors.CliError(f'pod "{name}" does not run this function; these do: {names}')
    return found
