"""``fission function log``."""

import math
from collections.abc import Callable
from typing import Any, Final

from fission.api import resources
from fission.cli import command as commands
from fission.cli import context, errors, lookups, options
from fission.cli.function import podlogs

_DRIVERS: Final = ("kubernetes",)
_LINES: Final = 20
_ALL_LINES: Final = 1000


@commands.command(
    "Show what a function printed: the last lines of its newest pod, or of all with --all-pods.\n"
    "With --follow it goes on, with every pod of the function, also those that start later, until\n"
    "it is interrupted or the function is deleted. Lines of several pods are in order of time and\n"
    "have the name of their pod before them.\n\n"
    "  fission fn logs --name hello -f --since 5m"
)
@options.name("Name of the function")
@options.boolean("--follow", "-f", help="Go on as more is printed, also by pods to come")
@options.integer("--recordcount", "--tail", help="Lines of each pod; 0 is 1000", default=_LINES)
@options.duration("--since", help="Lines that are not older, such as 5m; as many as there are")
@options.boolean("--reverse", "-r", help="Newest lines first")
@options.boolean("--detail", "-d", help="Say which pod, container and node")
@options.string("--pod", help="Of this pod alone")
@options.boolean("--all-pods", help="Of all pods of the function")
@options.string("--pod-namespace", help="Of pods in this namespace")
@options.boolean("--previous", "-p", help="Of the process before: what a crash left")
@options.string("--dbtype", help="Where logs are kept: kubernetes", default="kubernetes")
async def command(session: context.Session, name: str, **flags: Any) -> None:
    """Show them."""
    asked = read_flags(flags)
    function = await lookups.get(session, resources.FUNCTIONS, name)
    chosen = chooser(flags["pod"] or "", flags["pod_namespace"] or "")
    if flags["follow"]:
        from fission.cli.function import following

        if flags["pod"]:
            _named(await podlogs.pods_of(session, function), chosen, flags["pod"])
        await following.Follower(session, function, asked, chosen, bool(flags["pod"])).run()
        return
    pods = await podlogs.pods_of(session, function)
    if flags["pod"]:
        pods = _named(pods, chosen, flags["pod"])
    else:
        pods = [pod for pod in pods if chosen(pod)]
        if not pods:
            raise await podlogs.no_pods(session, function)
        if not flags["all_pods"]:
            pods = [podlogs.newest(pods)]
    await podlogs.show(session, function, pods, asked)


def read_flags(flags: dict[str, Any]) -> podlogs.Asked:
    """Which lines are wanted; refuses what makes no sense together."""
    driver = flags["dbtype"]
    if driver is not None and driver not in _DRIVERS:
        raise errors.UsageError(f'unknown dbtype "{driver}": supported are {", ".join(_DRIVERS)}')
    if flags["follow"]:
        for flag in ("reverse", "previous"):
            if flags[flag]:
                raise errors.UsageError(f"--follow and --{flag} exclude each other")
    count, since = flags["recordcount"], flags["since"]
    if since is not None and since <= 0:
        raise errors.UsageError("--since must be greater than 0")
    lines: int | None = _LINES if since is None else None
    if count is not None:
        lines = count if count > 0 else _ALL_LINES
    return podlogs.Asked(
        lines,
        None if since is None else math.ceil(since),
        bool(flags["previous"]),
        bool(flags["detail"]),
        bool(flags["reverse"]),
    )


def chooser(name: str, namespace: str) -> Callable[[lookups.Obj], bool]:
    """Whether a pod is one of those asked for; an empty text asks for any."""

    def is_wanted(pod: lookups.Obj) -> bool:
        return (not namespace or lookups.namespace_of(pod) == namespace) and (
            not name or lookups.name_of(pod) == name
        )

    return is_wanted


def _named(
    pods: list[lookups.Obj], is_wanted: Callable[[lookups.Obj], bool], name: str
) -> list[lookups.Obj]:
    found = [pod for pod in pods if is_wanted(pod)]
    if not found:
        names = ", ".join(sorted(lookups.names_of(pods)))
        raise errors.CliError(f'pod "{name}" does not run this function', f"these do: {names}")
    return found
