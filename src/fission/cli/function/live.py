"""``fn create --watch`` and ``fn update --watch``: what is saved goes live, if it works.

Each save is tried first (``trial``): built, if it is source, and loaded as the function would load
it. Only then do the function's package and the function change, both or neither. So code that does
not build or load is told at once, and the function goes on with what it has.
"""

import asyncio
import contextlib
import glob
import hashlib
import pathlib
import textwrap
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from fission.api import function_types, objects, package_types, resources
from fission.base import errors as base_errors
from fission.cli import archives, context, errors, filewatch, lookups
from fission.cli.function import create, settling, trial
from fission.cli.package import build as package_build
from fission.cli.package import buildstate
from fission.cli.package import code as codes

Obj = dict[str, Any]

SETTLE_SECONDS: Final = 0.02
_STALE_SECONDS: Final = 5.0
"""A file's time says when it was saved, unless it came with an older one."""
_NAMES_SHOWN: Final = 3

Run = Callable[[], Awaitable[None]]
Wanted = Callable[[Obj], function_types.Function]
"""What the function is to be, given what it is."""


def check(code: codes.Code) -> None:
    """Refuse code that cannot be watched."""
    given = _inputs(code)
    if not given or any(archives.is_url(each) for each in given):
        raise errors.UsageError(
            "--watch needs files to watch: --code, --deployarchive or --sourcearchive"
        )


async def created(session: context.Session, name: str, code: codes.Code, create_it: Run) -> None:
    """Create the function, say whether its code loads, then watch."""

    async def begin(loop: "_Loop") -> None:
        try:
            await create_it()
        except errors.BuildFailed as error:
            session.out.error(str(error))
            return
        await loop.look()

    await _watch(session, _Loop(session, name, code), code, begin)


async def updated(
    session: context.Session, name: str, code: codes.Code, update_it: Run, wanted: Wanted
) -> None:
    """Update the function as soon as that works, then watch."""

    async def begin(loop: "_Loop") -> None:
        loop.update_it, loop.wanted = update_it, wanted
        await loop.saved(set())

    await _watch(session, _Loop(session, name, code), code, begin)


async def _watch(
    session: context.Session,
    loop: "_Loop",
    code: codes.Code,
    begin: Callable[["_Loop"], Awaitable[None]],
) -> None:
    saves = filewatch.changes(paths(session, code), settle_seconds=SETTLE_SECONDS)
    waiting = asyncio.ensure_future(anext(saves))
    await asyncio.sleep(0)  # from here on no save is missed
    try:
        await begin(loop)
        await trial.remove_leftovers(session, loop.name)
        session.out.line(f"Watching {' '.join(_inputs(code))}; Ctrl-C ends it")
        while True:
            session.out.flush()
            await loop.tidy()
            changed = await waiting
            waiting = asyncio.ensure_future(anext(saves))
            await loop.saved(changed)
    except asyncio.CancelledError:
        session.out.note(f"'{loop.name}' goes on with the last version that worked.")
        raise
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await saves.aclose()
        await loop.tidy()


class _Loop:
    """What was tried last, and how the next goes live."""

    def __init__(self, session: context.Session, name: str, code: codes.Code) -> None:
        self.name = name
        self._session = session
        self._code = code
        self._tried = ""
        self._package = ""
        self._is_trying = True
        self._removals: list[trial.Removal] = []
        self.update_it: Run | None = None
        """The first update, until it worked."""
        self.wanted: Wanted = _unchanged

    async def look(self) -> None:
        """Say what is wrong with the code that the function has, if anything is."""
        made = await self._made()
        self._tried = _digest(made)
        raw, package = await self._present()
        if made.source.is_empty():
            outcome = await self._try(raw, package, made)
            if outcome.failure:
                self._tell(outcome, f"{outcome.failure}; save better code")

    async def saved(self, changed: set[pathlib.Path]) -> None:
        """Files were written."""
        began = _saved_at(changed, self._session.clock.now().timestamp())
        try:
            made = await self._made()
            if _digest(made) == self._tried:
                return
            if changed:
                self._say(names(changed, self._session.cwd))
            raw, package = await self._present()
            outcome = await self._try(raw, package, made)
            if outcome.failure != trial.NO_POD:
                self._tried = _digest(made)
            if outcome.failure:
                kept = "the version before goes on serving"
                self._tell(outcome, f"not live: {outcome.failure}; {kept}")
                return
            await _whole(self._put(raw, package, made))
        except base_errors.Error as error:
            self._say(f"not live: {error.message}")
            return
        except OSError as error:
            self._say(f"not live: {error}")
            return
        seconds = self._session.clock.now().timestamp() - began
        self._say(f"live, {seconds:.2f} s after it was saved" if changed else "live")

    async def _made(self) -> package_types.PackageSpec:
        made = package_types.PackageSpec()
        await codes.put(self._session, made, self._code)
        if made.source.is_empty() and made.deployment.is_empty():
            raise errors.CliError("there is nothing in it")
        return made

    async def _present(self) -> tuple[Obj, Obj]:
        """The function and its package; asked for together once its name is known."""
        session = self._session
        if self._package:
            raw, package = await asyncio.gather(
                lookups.get(session, resources.FUNCTIONS, self.name),
                lookups.find(session, resources.PACKAGES, self._package),
            )
        else:
            raw, package = await lookups.get(session, resources.FUNCTIONS, self.name), None
        name = package_build.package_of(raw)
        if package is None or lookups.name_of(package) != name:
            package = await lookups.get(session, resources.PACKAGES, name)
        self._package = name
        return raw, package

    async def _try(self, raw: Obj, package: Obj, made: package_types.PackageSpec) -> trial.Outcome:
        if not self._is_trying:
            return trial.Outcome()
        function = self.wanted(raw)
        present = objects.decode(package_types.Package, package).spec
        spec = package_types.PackageSpec(
            environment=function.spec.environment,
            source=made.source,
            deployment=made.deployment,
            build_command=made.build_command or present.build_command,
        )
        outcome = await trial.load(self._session, function, spec, self._removals)
        if outcome.untried:
            self._is_trying = False
            self._session.out.warning(f"new code goes live without being tried: {outcome.untried}")
        return outcome

    async def _put(self, raw: Obj, package: Obj, made: package_types.PackageSpec) -> None:
        if self.update_it is not None:
            await self.update_it()
            self.update_it, self.wanted = None, _unchanged
            return
        session, name = self._session, lookups.name_of(package)
        changed = await package_build.change_to(session, name, self._code, made, known=package)
        if changed is None:
            return
        package, is_built = changed
        if is_built:
            package = await trial.until_built(session, name, lookups.namespace_of(package))
            if buildstate.build_status(package) != package_types.SUCCEEDED:
                raise errors.CliError(trial.BUILD_FAILED)

        def point(function: function_types.Function) -> None:
            create.point_at(function, package)

        known = None if is_built else raw  # buildermgr has changed it
        seen = await lookups.change(session, resources.FUNCTIONS, self.name, point, known=known)
        users = await package_build.functions_using(session, name, session.namespace)
        others = [each for each in users if lookups.name_of(each) != self.name]
        await package_build.repoint(session, others, package)
        await settling.settle(session, seen)

    async def tidy(self) -> None:
        """Remove what trials have left."""
        while self._removals:
            await self._removals[-1]()
            self._removals.pop()

    def _tell(self, outcome: trial.Outcome, text: str) -> None:
        self._say(text)
        if outcome.detail:
            self._session.out.line(textwrap.indent(outcome.detail.rstrip(), "  "))

    def _say(self, text: str) -> None:
        say(self._session, text)


def _unchanged(raw: Obj) -> function_types.Function:
    return objects.decode(function_types.Function, raw)


async def _whole(work: Any) -> None:
    """Do something to its end, also when the command is told to stop meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


def _inputs(code: codes.Code) -> list[str]:
    given = (sources for sources in (code.source, code.deployment) if sources)
    return [each for sources in given for each in sources.inputs]


def paths(session: context.Session, code: codes.Code) -> list[pathlib.Path]:
    """What to watch: of a pattern the folder in front of it."""
    found = []
    for text in _inputs(code):
        path = session.path(text)
        while glob.has_magic(str(path)) and not path.exists():
            path = path.parent
        found.append(path)
    return found


def _digest(made: package_types.PackageSpec) -> str:
    parts = (made.source, made.deployment)
    content = "\0".join(
        each.checksum.sum or each.url or hashlib.sha256(each.literal).hexdigest() for each in parts
    )
    return f"{content}\0{made.build_command}"


def _saved_at(changed: Iterable[pathlib.Path], now: float) -> float:
    times = [now]
    for path in changed:
        with contextlib.suppress(OSError):
            times.append(path.stat().st_mtime)
    newest = max(times[1:], default=now)
    return newest if 0 <= now - newest < _STALE_SECONDS else now


def say(session: context.Session, text: str) -> None:
    """A line of the watch, with the time of day, out at once."""
    now = session.clock.now().astimezone()
    session.out.line(f"{now:%H:%M:%S} {text}")
    session.out.flush()


def names(changed: set[pathlib.Path], cwd: pathlib.Path) -> str:
    """The first few of them."""
    found = sorted(
        str(path.relative_to(cwd) if path.is_relative_to(cwd) else path) for path in changed
    )
    rest = len(found) - _NAMES_SHOWN
    return ", ".join(found[:_NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
