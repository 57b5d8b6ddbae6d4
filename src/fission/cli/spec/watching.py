"""``spec apply --watch``: apply again whenever something is saved, and never end on a bad file.

What is wrong with a file is said at once, and what was applied before stays. Only what differs is
written, so only that is built or loaded again.
"""

import asyncio
import contextlib
import dataclasses
import glob
import pathlib
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from fission.base import errors as base_errors
from fission.cli import context, filewatch
from fission.cli.backend import patience
from fission.cli.spec import applying, building, document, planning, reading

SETTLE_SECONDS: Final = 0.02
_RETRY_SECONDS: Final = 2.0
"""After the platform was away."""


async def run(session: context.Session, chosen: applying.Options) -> None:
    """Apply for ever."""
    options = dataclasses.replace(chosen, tries=True)
    async with contextlib.AsyncExitStack() as stack:
        watch, builds = _Watch(options), _Builds(session)
        stack.push_async_callback(watch.aclose)
        stack.push_async_callback(builds.pause)
        is_first, told = True, ""
        while True:
            await watch.begin()
            retry = None
            try:
                result = await applying.run(session, options, quiet_git=not is_first)
                builds.show(result)
                told = ""
            except (base_errors.Error, OSError) as error:
                if str(error) != told:
                    _tell(session, error)
                told = str(error)
                retry = _RETRY_SECONDS if isinstance(error, patience.PASSING) else None
            if is_first:
                session.out.line("Watching files for changes; end with Ctrl-C.")
                is_first = False
            session.out.flush()
            changed = await watch.wait(retry)
            await builds.pause()
            if changed:
                told = ""
                session.out.line("Noticed a file change, reapplying specs...")


def _tell(session: context.Session, error: Exception) -> None:
    """Print a failure as ``main`` would, without the usage, and go on."""
    why, remedy = getattr(error, "why", ""), getattr(error, "remedy", "")
    session.out.error(str(error), why=why, remedy=remedy)


class _Builds:
    """Builds that are shown while nothing else is done; each until it is over."""

    def __init__(self, session: context.Session) -> None:
        self._session = session
        self._seen = False
        self._unfinished: list[planning.Key] = []
        self._task: asyncio.Task[None] | None = None

    def show(self, result: applying.Result) -> None:
        """Go on, with what was written just now; at first with every package."""
        written = {step.key for step in result.plan.steps}
        for key in result.packages:
            if (key in written or not self._seen) and key not in self._unfinished:
                self._unfinished.append(key)
        self._seen = True
        self._task = asyncio.ensure_future(self._show())

    async def pause(self) -> None:
        """Stop showing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _show(self) -> None:
        try:
            await building.wait(self._session, tuple(self._unfinished), self._unfinished.remove)
        except base_errors.Error as error:
            _tell(self._session, error)
        self._session.out.flush()


class _Watch:
    """The files that an application is made of, which change with it."""

    def __init__(self, options: applying.Options) -> None:
        self._options = options
        self._paths: set[pathlib.Path] = set()
        self._changes: AsyncGenerator[set[pathlib.Path], None] | None = None
        self._next: asyncio.Future[set[pathlib.Path]] | None = None

    async def begin(self) -> None:
        """From now on nothing is missed."""
        paths = await asyncio.to_thread(self._find)
        if self._next is None or paths != self._paths:
            await self.aclose()
            self._paths = paths
            self._changes = filewatch.changes(sorted(paths), settle_seconds=SETTLE_SECONDS)
            self._next = asyncio.ensure_future(anext(self._changes))
            await asyncio.sleep(0)

    async def wait(self, seconds: float | None) -> bool:
        """Whether something changed, and not only time went by."""
        assert self._next is not None
        assert self._changes is not None
        done, _ = await asyncio.wait((self._next,), timeout=seconds)
        if not done:
            return False
        self._next.result()
        self._next = asyncio.ensure_future(anext(self._changes))
        return True

    async def aclose(self) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.gather(self._next, return_exceptions=True)
            self._next = None
        if self._changes is not None:
            await self._changes.aclose()
            self._changes = None

    def _find(self) -> set[pathlib.Path]:
        """The specs, and what their archives are made from; as before where they are unreadable."""
        found = {self._options.directory}
        try:
            application = reading.read(self._options.directory, self._options.ignore_file)
        except (base_errors.Error, OSError):
            return self._paths or found
        for archive in application.archives:
            found |= roots_of(archive)
        return found


def roots_of(archive: document.ArchiveUploadSpec) -> set[pathlib.Path]:
    """Files and folders below which everything lies that an archive may hold."""
    return {archive.root / _fixed(pattern) for pattern in archive.include}


def _fixed(pattern: str) -> pathlib.PurePath:
    """The part of a pattern before its first wildcard."""
    parts: Sequence[str] = pathlib.PurePath(pattern).parts
    kept = []
    for part in parts:
        if glob.has_magic(part):
            break
        kept.append(part)
    return pathlib.PurePath(*kept)
