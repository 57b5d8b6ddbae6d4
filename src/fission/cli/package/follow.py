"""Waiting for a package's build, showing its log as it grows in ``status.buildlog``.

Buildermgr may start a build again (its builder died), and the API server may be away for a while:
both are shown or sat through. Leaving early leaves the build alone.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any, Final, TypeVar

from fission.api import conditions as condition_types
from fission.api import package_types, resources
from fission.cli import context, errors, lookups, progress
from fission.cli.backend import patience
from fission.cli.package import buildlog, buildstate
from fission.meta import conditions, status

Obj = dict[str, Any]
T = TypeVar("T")

SILENCE_SECONDS: Final = 15.0
"""A build that waits this long gets a remark on why."""
LONGEST_SECONDS: Final = 3600.0
"""A build is cut long before this; after it nobody builds at all."""
LAST_LINES: Final = 5


async def until_built(
    session: context.Session, name: str, next_step: str = "", namespace: str = ""
) -> Obj:
    """Show a build to its end; the package as it is then. Raises ``BuildFailed``.

    ``next_step`` is the command that hands over better source.
    """
    began = session.clock.monotonic()
    show = _Display(session)
    changes = session.backend.changes(resources.PACKAGES, name, namespace or session.namespace)
    try:
        with session.out.spinner(f"package '{name}' waits to be built") as spinner:
            package = await _watch(session, name, changes, show, spinner, began)
    except asyncio.CancelledError:
        session.out.note(f"The build goes on. Follow it again: {_follow_command(session, name)}")
        raise
    except patience.PASSING as error:
        raise errors.CliError(
            f"{error}\nThe build goes on when the platform is back. Follow it again:"
            f" {_follow_command(session, name)}"
        ) from error
    except status.NotFound as error:
        raise errors.CliError(f"package '{name}' was deleted before its build was over") from error
    if buildstate.build_status(package) == package_types.FAILED:
        raise errors.BuildFailed(_failure(session, package, next_step))
    if buildstate.build_status(package) == package_types.SUCCEEDED:
        seconds = session.clock.monotonic() - began
        session.out.line(
            f"Package '{name}' built in {seconds:.1f} s"
            if show.waited
            else f"Package '{name}' is built"
        )
    return package


def describe(package: Obj) -> str:
    """What its build is about to do, in a line."""
    name, state = lookups.name_of(package), buildstate.build_status(package)
    if state == package_types.RUNNING:
        return f"package '{name}' is being built"
    message = _message(package)
    return f"package '{name}' waits to be built" + (f": {message}" if message else "")


class _Display:
    """The log on its way to the person, whole lines at a time."""

    def __init__(self, session: context.Session) -> None:
        self._out = session.out
        self._reader = buildlog.Reader()
        self._rest = ""
        self._shown = False
        self.waited = False
        """Whether the build was seen before it was over."""

    def feed(self, log: str, spinner: progress.Spinner) -> None:
        news = self._reader.feed(log)
        if news.is_another_build and self._shown:
            self._print(f"{self._rest}\n" if self._rest else "", spinner)
            self._print("--- the build starts again\n", spinner)
            self._rest = ""
        *whole, self._rest = (self._rest + news.text).split("\n")
        self._print("".join(f"{line}\n" for line in whole), spinner)

    def close(self, spinner: progress.Spinner) -> None:
        """A last line without a line feed gets one."""
        self._print(f"{self._rest}\n" if self._rest else "", spinner)
        self._rest = ""

    def _print(self, lines: str, spinner: progress.Spinner) -> None:
        if lines and self._out.verbosity > 0:
            self._shown = True
            self._out.log(lines, spinner)


async def _watch(
    session: context.Session,
    name: str,
    changes: AsyncGenerator[Obj, None],
    show: _Display,
    spinner: progress.Spinner,
    began: float,
) -> Obj:
    """Show every state until the last one."""
    remark = told = ""
    async with contextlib.aclosing(or_silence(changes, SILENCE_SECONDS)) as states:
        async for package in states:
            if session.clock.monotonic() - began > LONGEST_SECONDS:
                raise errors.CliError(
                    f"package '{name}' is not built after {LONGEST_SECONDS / 60:.0f} minutes;"
                    " is buildermgr running? See `fission check`; then"
                    f" {_follow_command(session, name)}"
                )
            if package is None:
                if remark != told and not session.out.is_terminal:
                    session.out.note(f"still waiting: {remark}")
                    told = remark
                continue
            is_running = buildstate.build_status(package) == package_types.RUNNING
            is_over = buildstate.is_over(package)
            remark = told if is_running else describe(package)
            if not is_over:
                show.waited = True
                spinner.say(describe(package))
            if is_running or is_over:
                show.feed((package.get("status") or {}).get("buildlog") or "", spinner)
            if is_over:
                show.close(spinner)
                return package
    raise AssertionError("unreachable")


async def or_silence(
    source: AsyncGenerator[T, None], seconds: float
) -> AsyncGenerator[T | None, None]:
    """What comes, and None whenever nothing came for so long."""
    waiting = asyncio.ensure_future(anext(source))
    try:
        while True:
            done, _ = await asyncio.wait((waiting,), timeout=seconds)
            if not done:
                yield None
                continue
            yield waiting.result()
            waiting = asyncio.ensure_future(anext(source))
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await source.aclose()


def _failure(session: context.Session, package: Obj, next_step: str) -> str:
    name = lookups.name_of(package)
    log = str((package.get("status") or {}).get("buildlog") or "")
    lines = [line for line in log.splitlines() if line.strip()][-LAST_LINES:]
    shown = session.out.is_terminal and session.out.verbosity > 0
    parts = [f"the build of package '{name}' failed" + (":" if lines and not shown else "")]
    if not shown:
        parts += [f"  {line}" for line in lines]
    where = _namespace_flag(session)
    parts.append(f"Whole log:           fission pkg info --name {name}{where}")
    if next_step:
        parts.append(f"With better source:  {next_step}{where}")
    parts.append(f"The same once more:  fission pkg rebuild --name {name}{where}")
    return "\n".join(parts)


def _message(package: Obj) -> str:
    found = conditions.get(
        (package.get("status") or {}).get("conditions"), condition_types.BUILD_SUCCEEDED
    )
    return str((found or {}).get("message") or "")


def _follow_command(session: context.Session, name: str) -> str:
    return f"fission pkg info --name {name}{_namespace_flag(session)} --follow"


def _namespace_flag(session: context.Session) -> str:
    return f" -n {session.given_namespace}" if session.given_namespace else ""
