"""``fission top``: what functions do, as it goes on."""

import asyncio
import contextlib
from collections import deque
from typing import Any, Final

from fission.api import resources
from fission.base import errors as base_errors
from fission.cli import activity, context, errors, lookups, options, output, views
from fission.cli import command as commands

_INTERVAL_SECONDS: Final = 2.0
_LEAST_SECONDS: Final = 0.2
_WINDOW_SECONDS: Final = 10.0
"""What is shown live is of the last seconds, so that a pause between two calls is no end."""
_LIST_EVERY: Final = 15
"""Looks between two lists of functions; one that is called appears at once."""
_FRAME_LINES: Final = 4


@commands.command(
    "Show what functions do: calls and errors per second, how long half and 99 of 100 calls take\n"
    "at most, pods that are ready of all, cold starts since the executor began. On a terminal it\n"
    "goes on until it is interrupted and shows the last ten seconds; elsewhere, and with --once,\n"
    "it is one table of one interval.\n\n"
    "  fission top --sort p99"
)
@options.string("--function", help="This function alone")
@options.all_namespaces
@options.string("--sort", help=", ".join(activity.SORTS), default="rate")
@options.duration("--interval", help="Between two looks", default="2s")
@options.boolean("--once", help="One table instead of a live one")
@options.output
async def command(session: context.Session, **flags: Any) -> None:
    """Show it."""
    chosen = flags["output"] or ""
    output.check_format(chosen)
    interval = _INTERVAL_SECONDS if flags["interval"] is None else flags["interval"]
    if interval < _LEAST_SECONDS:
        raise errors.UsageError(f"--interval must be {_LEAST_SECONDS:g}s or more")
    sort = flags["sort"] or "rate"
    activity.arranged((), sort)
    namespace = "" if flags["all_namespaces"] else session.namespace
    watched = _Watched(session, namespace, flags["function"] or "", sort, interval)
    await watched.begin()
    if session.out.is_terminal and not flags["once"] and chosen in ("", "wide"):
        await _live(session, watched, chosen == "wide")
        return
    await watched.look()
    _show(session, watched.rows(), chosen)


class _Watched:
    """The looks of one run."""

    def __init__(
        self, session: context.Session, namespace: str, function: str, sort: str, interval: float
    ) -> None:
        self._session = session
        self._namespace = namespace
        self._function = function
        self._sort = sort
        self.interval = interval
        self._looks: deque[activity.Look] = deque()
        self._known: list[activity.Key] = []
        self._count = 0

    async def begin(self) -> None:
        """The look that later ones are compared with."""
        if self._function and self._namespace:
            await lookups.get(self._session, resources.FUNCTIONS, self._function)
        self._looks.append(await self._take())

    async def look(self) -> None:
        """Another, an interval later."""
        await asyncio.sleep(self.interval)
        self._looks.append(await self._take())
        newest = self._looks[-1].at
        while len(self._looks) > 2 and newest - self._looks[1].at >= _WINDOW_SECONDS:
            self._looks.popleft()

    @property
    def seconds(self) -> float:
        """How long the time is that rows are of."""
        return self._looks[-1].at - self._looks[0].at

    def rows(self) -> list[activity.Row]:
        """What is to be shown, in order."""
        found = activity.rows(self._looks[0], self._looks[-1], self._known)
        return activity.arranged((row for row in found if self._is_wanted(row)), self._sort)

    def _is_wanted(self, row: activity.Row) -> bool:
        return (not self._function or row.name == self._function) and (
            not self._namespace or row.namespace == self._namespace
        )

    async def _take(self) -> activity.Look:
        backend = self._session.backend
        if self._count % _LIST_EVERY == 0:
            found = await backend.list(resources.FUNCTIONS, self._namespace or None)
            self._known = [(lookups.namespace_of(each), lookups.name_of(each)) for each in found]
        self._count += 1
        processes, pods = await asyncio.gather(
            backend.activity(self._namespace), backend.pod_counts(self._namespace)
        )
        return activity.Look(self._session.clock.now().timestamp(), processes, pods)


def _show(session: context.Session, rows: list[activity.Row], chosen: str) -> None:
    if chosen == "name":
        for row in rows:
            session.out.line(
                f"{resources.FUNCTIONS.singular}.{resources.FUNCTIONS.group}/{row.name}"
            )
    elif not views.show_document(session, [row.document() for row in rows], chosen):
        session.out.text(_table(rows, chosen == "wide"))


def _table(rows: list[activity.Row], wide: bool) -> str:
    header = (*activity.HEADER, *activity.WIDE) if wide else activity.HEADER
    return output.format_table(header, [row.cells(wide) for row in rows])


async def _live(session: context.Session, watched: _Watched, wide: bool) -> None:
    """Until it is interrupted; a platform that is away is waited for."""
    from rich import console, live, text

    shown = console.Console(file=session.stdout, no_color="NO_COLOR" in session.env or None)

    def frame(title: str) -> text.Text:
        rows = watched.rows() if title else []
        lines = _table(rows, wide).splitlines() if title else []
        room = max(shown.size.height - _FRAME_LINES, 1)
        more = [f"… {len(lines) - room} more; --once shows all"] if len(lines) > room else []
        return text.Text("\n".join([title, "", *lines[:room], *more]), no_wrap=True)

    with live.Live(console=shown, screen=True, auto_refresh=False) as screen:
        screen.update(text.Text("looking…"), refresh=True)
        said = ""
        while True:
            try:
                await watched.look()
                now = session.clock.now().strftime("%H:%M:%S")
                said = f"fission top - {now}Z, last {watched.seconds:.0f} s"
                screen.update(frame(said), refresh=True)
            except base_errors.Error as error:
                with contextlib.suppress(IndexError):
                    screen.update(frame(f"{said} - {output.one_line(str(error))}"), refresh=True)
