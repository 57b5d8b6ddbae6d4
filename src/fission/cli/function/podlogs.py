"""Which pods and containers a function's logs are read from, and reading what is there.

``following`` is the part that goes on.
"""

import asyncio
import contextlib
import datetime
from dataclasses import dataclass, replace
from typing import Any, Final

from fission.cli import context, errors, views
from fission.cli.backend import protocol
from fission.cli.function import diagnosis, loglines
from fission.contracts import fetcher
from fission.meta import status

Obj = dict[str, Any]

_SEPARATOR: Final = "==="
_DEATHS: Final = ("PodCrashed", "OOMKilled")
"""Reasons of the Events that tell of pods that died."""
_SECONDS: Final = len("2026-01-01T00:00:00")
"""Of a time: Events have fractions or none."""
_WRITTEN_SECONDS: Final = 0.3
"""Longest between an answer and what its call printed being in the log."""
_PAUSE_SECONDS: Final = 0.05
NAMED_SECONDS: Final = 0.5
"""Longest between a pod's first answer and its labels saying whose it is."""
AT_ONCE: Final = 16
"""Logs that are read at the same time."""


@dataclass(frozen=True)
class Asked:
    """Which lines are wanted."""

    lines: int | None = None
    """Of each container; None is all."""
    since_seconds: int | None = None
    previous: bool = False
    detail: bool = False
    reverse: bool = False


@dataclass(frozen=True)
class Source:
    """A container of a pod."""

    pod: Obj
    container: str
    name: str
    """As it stands before lines."""

    @property
    def uid(self) -> str:
        """Of its pod."""
        return str(self.pod["metadata"].get("uid", ""))

    def query(self, asked: Asked, *, timestamps: bool = False) -> protocol.LogQuery:
        """What is asked of the platform."""
        metadata = self.pod["metadata"]
        return protocol.LogQuery(
            metadata["namespace"],
            metadata["name"],
            self.container,
            asked.lines,
            since_seconds=asked.since_seconds,
            previous=asked.previous,
            timestamps=timestamps,
        )


def newest(pods: list[Obj]) -> Obj:
    """The pod that changed last; one on its way out only when there is no other."""
    return max(pods, key=lambda pod: (not views.is_terminating(pod), _version(pod)))


def containers(pod: Obj) -> list[str]:
    """Containers that run the user's code."""
    return [
        each["name"]
        for each in pod["spec"].get("containers") or ()
        if each["name"] != fetcher.CONTAINER_NAME
    ]


def sources(pods: list[Obj]) -> list[Source]:
    """Every log of these pods, the pod that changed last at the end."""
    found = []
    for pod in sorted(pods, key=_version):
        names = containers(pod)
        for container in names:
            name = pod["metadata"]["name"]
            found.append(Source(pod, container, name if len(names) < 2 else f"{name}/{container}"))
    return found


def container_status(pod: Obj, container: str) -> Obj:
    """What is known of a container; empty when nothing is."""
    for each in (pod.get("status") or {}).get("containerStatuses") or ():
        if each.get("name") == container:
            found: Obj = each
            return found
    return {}


def crash(pod: Obj, container: str) -> str:
    """How the attempt before the one that runs ended, when it did not end well."""
    found = container_status(pod, container)
    ended = (found.get("lastState") or {}).get("terminated") or {}
    if not ended or not found.get("restartCount") or not ended.get("exitCode"):
        return ""
    return f"{ended.get('reason') or 'Error'} (code {ended.get('exitCode')})"


async def pods_of(session: context.Session, function: Obj) -> list[Obj]:
    """Pods of a function; it is an error that there is none.

    A pod gets its function's name a moment after it gave its first answer.
    """
    give_up = session.clock.monotonic() + NAMED_SECONDS
    while not (found := await session.backend.function_pods(function)):
        if session.clock.monotonic() >= give_up:
            raise await no_pods(session, function)
        await asyncio.sleep(NAMED_SECONDS / 5)
    return found


async def no_pods(session: context.Session, function: Obj) -> errors.CliError:
    """That there is no pod to read from, and what the last one said if it crashed."""
    metadata = function["metadata"]
    died = await last_death(session, function)
    return errors.CliError(
        f"no active pods found for function in namespace {metadata['namespace']}",
        died or "a pod starts with the first call, and goes when it is idle",
        f"call it: fission fn test --name {metadata['name']}",
    )


async def last_death(session: context.Session, function: Obj, since: str = "") -> str:
    """How a pod of the function ended last that crashed, with its last words, as an Event has it.

    ``since``: not before that moment, RFC 3339. Such a pod itself is gone, and its log with it.
    """
    around = await session.backend.surroundings(function)
    facts = diagnosis.Facts(function, events=tuple(around.events) if around else ())
    deaths = [
        str(event.get("message") or "")
        for event in diagnosis.events(facts)
        if event.get("reason") in _DEATHS
        and diagnosis.last_seen(event)[:_SECONDS] >= since[:_SECONDS]
    ]
    return deaths[-1] if deaths else ""


async def show(session: context.Session, function: Obj, pods: list[Obj], asked: Asked) -> None:
    """Print what the containers of these pods have printed, those of several by time."""
    found = sources(pods)
    if asked.detail or len(found) == 1:
        for source in found:
            await _show_one(session, function, source, asked)
    else:
        await _show_merged(session, function, found, asked)
    for source in found:
        _tell_crash(session, function, source, asked)


async def show_last_words(session: context.Session, function: Obj, pod: Obj, lines: int) -> None:
    """The last lines of a pod, those of a process that crashed before the one that runs too."""
    for source in sources([pod]):
        if crash(pod, source.container):
            with contextlib.suppress(status.BadRequest):
                await _show_one(session, function, source, Asked(lines, previous=True))
        await _show_one(session, function, source, Asked(lines))


async def show_since(
    session: context.Session, function: Obj, pods: list[Obj], began: datetime.datetime
) -> bool:
    """What was printed since a moment, whichever pod it was; whether there was anything.

    A log is written beside the answer to a call, so it is read until nothing is added.
    """
    since = f"{began:%Y-%m-%dT%H:%M:%S.%f}"
    found = sources(sorted(pods, key=_version)[-AT_ONCE:])
    deadline = session.clock.monotonic() + _WRITTEN_SECONDS
    before: list[loglines.Line] = []
    while True:
        texts = await asyncio.gather(
            *(_read_since(session, function, each, since) for each in found)
        )
        lines = loglines.merged(texts)
        if (lines and lines == before) or session.clock.monotonic() >= deadline:
            break
        before = lines
        await asyncio.sleep(_PAUSE_SECONDS)
    for line in lines:
        session.out.content(line.text + b"\n")
    return bool(lines)


async def _read_since(
    session: context.Session, function: Obj, source: Source, since: str
) -> list[loglines.Line]:
    reader = loglines.Reader(source.name, since)
    query = replace(source.query(Asked(), timestamps=True), since=f"{since}Z")
    lines = []
    try:
        async for chunk in session.backend.logs(function, query):
            lines += reader.feed(chunk)
    except (status.NotFound, status.BadRequest):  # gone, or not begun
        return []
    return lines + reader.flush()


async def _show_one(session: context.Session, function: Obj, source: Source, asked: Asked) -> None:
    if asked.detail:
        session.out.line(header(function, source))
    if asked.reverse:
        for line in reversed(await _read(session, function, source, asked)):
            session.out.content(line.text + b"\n")
        return
    async for chunk in session.backend.logs(function, source.query(asked)):
        session.out.content(chunk)


async def _show_merged(
    session: context.Session, function: Obj, found: list[Source], asked: Asked
) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def read(source: Source) -> list[loglines.Line]:
        async with turns:
            try:
                return await _read(session, function, source, asked)
            except (status.NotFound, status.BadRequest) as error:  # gone, or not begun
                session.out.note(f"{source.name}: {error}")
                return []

    lines = loglines.merged(await asyncio.gather(*map(read, found)))
    names = make_names(session)
    for source in found:
        names.meet(source.name)
    for line in reversed(lines) if asked.reverse else lines:
        session.out.content(names.format(line))


async def _read(
    session: context.Session, function: Obj, source: Source, asked: Asked
) -> list[loglines.Line]:
    reader = loglines.Reader(source.name)
    lines = []
    async for chunk in session.backend.logs(function, source.query(asked, timestamps=True)):
        lines += reader.feed(chunk)
    return lines + reader.flush()


def _tell_crash(session: context.Session, function: Obj, source: Source, asked: Asked) -> None:
    how = crash(source.pod, source.container)
    if how and not asked.previous:
        metadata = source.pod["metadata"]
        session.out.note(
            f"{source.name} was started again after it ended with {how}; what it printed before: "
            f"fission fn logs --name {function['metadata']['name']} --pod {metadata['name']}"
            " --previous"
        )


def header(function: Obj, source: Source) -> str:
    """What ``--detail`` says before a container's lines."""
    return (
        f"{_SEPARATOR} Function={function['metadata']['name']} "
        f"Pod={source.pod['metadata']['name']} Container={source.container} "
        f"Node={source.pod['spec'].get('nodeName', '')}"
    )


def make_names(session: context.Session) -> loglines.Names:
    """Names of sources, coloured where that is read by a person."""
    return loglines.Names(session.out.is_terminal and "NO_COLOR" not in session.env)


def _version(pod: Obj) -> int:
    return int(pod["metadata"].get("resourceVersion") or 0)
