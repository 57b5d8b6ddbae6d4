"""Following the logs of a function: of the pods that there are, and of those that come.

One task reads each container's attempt, one prints; this one opens what a change of the pods
brings. An attempt is read once: where a stream breaks, it goes on behind the last line. It ends
when the function is deleted, or the one pod that was asked for is gone.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from fission.api import resources
from fission.base import backoff
from fission.cli import context, lookups
from fission.cli.backend import patience
from fission.cli.function import loglines, podlogs
from fission.meta import status

Obj = dict[str, Any]
Attempt = tuple[str, str, int]
"""Pod's uid, container, how often it was started again."""

_OPEN_ATTEMPTS: Final = 20
_FIRST_PAUSE_SECONDS: Final = 0.05
_LONGEST_PAUSE_SECONDS: Final = 0.5
_FUNCTION_SECONDS: Final = 2.0
"""Between two looks at whether the function is still there."""
_LAST_WORDS_SECONDS: Final = 2.0


def new_attempts(pods: Iterable[Obj], known: set[Attempt]) -> list[tuple[Attempt, podlogs.Source]]:
    """Attempts that have begun and are not read yet, in the order of their pods. Pure."""
    found = []
    for source in podlogs.sources(list(pods)):
        seen = podlogs.container_status(source.pod, source.container)
        state = seen.get("state") or {}
        if "running" not in state and "terminated" not in state:
            continue
        attempt = (source.uid, source.container, int(seen.get("restartCount") or 0))
        if attempt not in known:
            found.append((attempt, source))
    return found


@dataclass
class Follower:
    """One ``fn logs --follow``."""

    session: context.Session
    function: Obj
    asked: podlogs.Asked
    is_wanted: Callable[[Obj], bool]
    until_gone: bool = False
    """End when no pod is left that is wanted."""
    _known: set[Attempt] = field(default_factory=set)
    _mixer: loglines.Mixer = field(default_factory=loglines.Mixer)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _reading: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._names = podlogs.make_names(self.session)

    async def run(self) -> None:
        """Print until it ends."""
        try:
            async with asyncio.TaskGroup() as group:
                await self._run(group)
        except BaseExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _run(self, group: asyncio.TaskGroup) -> None:
        printing = group.create_task(self._print())
        deleted = group.create_task(self._until_deleted())
        pods = group.create_task(self._watch(group))
        await asyncio.wait((deleted, pods), return_when=asyncio.FIRST_COMPLETED)
        deleted.cancel()
        pods.cancel()
        if self._reading:  # last words are on their way
            await asyncio.wait(self._reading, timeout=_LAST_WORDS_SECONDS)
        for task in (*self._reading, printing):
            task.cancel()
        self._write(self._mixer.rest())

    async def _until_deleted(self) -> None:
        name, namespace = lookups.name_of(self.function), lookups.namespace_of(self.function)
        while True:
            await asyncio.sleep(_FUNCTION_SECONDS)
            try:
                seen = await self.session.backend.get(resources.FUNCTIONS, name, namespace)
            except status.NotFound:
                return
            except patience.PASSING:
                continue
            if seen["metadata"]["uid"] != self.function["metadata"]["uid"]:
                return

    async def _watch(self, group: asyncio.TaskGroup) -> None:
        first = True
        changes = self.session.backend.function_pods_changes(self.function)
        async with contextlib.aclosing(changes):
            async for found in changes:
                pods = [pod for pod in found if self.is_wanted(pod)]
                if first and not pods and not self.until_gone:
                    self.session.out.note("no pod runs the function yet; waiting for the first")
                if self.until_gone and not pods:
                    return
                for attempt, source in new_attempts(pods, self._known):
                    self._open(group, attempt, source, whole=not first)
                first = False

    def _open(
        self, group: asyncio.TaskGroup, attempt: Attempt, source: podlogs.Source, whole: bool
    ) -> None:
        self._known.add(attempt)
        self._names.meet(source.name)
        asked = podlogs.Asked() if whole else self.asked
        if self.asked.detail:
            self.session.out.line(podlogs.header(self.function, source))
        task = group.create_task(self._read(source, asked))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, source: podlogs.Source, asked: podlogs.Asked) -> None:
        """Read one attempt to its end."""
        reader = loglines.Reader(source.name)
        pauses = backoff.delays(_FIRST_PAUSE_SECONDS, cap_seconds=_LONGEST_PAUSE_SECONDS)
        refused = 0
        while True:
            query = replace(source.query(asked, timestamps=True), follow=True)
            if reader.last:
                query = replace(query, lines=None, since_seconds=None, since=reader.last)
            try:
                async for line in _lines(self.session.backend.logs(self.function, query), reader):
                    self._mixer.add(line, self.session.clock.monotonic())
                    self._news.set()
                return
            except status.NotFound:
                return
            except status.BadRequest:  # its file is about to be there
                refused += 1
                if refused == _OPEN_ATTEMPTS:
                    return
            except patience.PASSING:
                reader = loglines.Reader(source.name, reader.last)
            await asyncio.sleep(next(pauses))

    async def _print(self) -> None:
        clock = self.session.clock
        while True:
            due = self._mixer.next_due
            if due is None:
                self._news.clear()
                await self._news.wait()
                continue
            if len(self._reading) > 1 and due > clock.monotonic():
                await asyncio.sleep(due - clock.monotonic())
                self._write(self._mixer.due(clock.monotonic()))
            else:
                self._write(self._mixer.rest())

    def _write(self, lines: list[loglines.Line]) -> None:
        if lines:
            self.session.out.content(b"".join(map(self._names.format, lines)))


async def _lines(chunks: Any, reader: loglines.Reader) -> AsyncGenerator[loglines.Line, None]:
    async with contextlib.aclosing(chunks):
        async for chunk in chunks:
            for line in reader.feed(chunk):
                yield line
    for line in reader.flush():
        yield line
