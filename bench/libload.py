"""Load over plain sockets, counted by the answers' codes and timed by the client's clock.

Not a scenario: shared by those that press a router. `closed` keeps a number of clients busy, each
with a kept connection, one request after the other. `opened` sends at a rate, whatever comes back:
each request has its moment beforehand, and its time counts from then, so that a slow answer does
not hide the ones behind it. `burst` sends one request each on connections made beforehand.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import dataclasses
import http.client
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

DEADLINE_SECONDS = 60.0
T = TypeVar("T")

BROKEN = 0
"""Stands for a code where no answer came."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """One request's end."""

    path: str
    status: int
    seconds: float
    """From when it was due until the whole answer was there."""
    ended: float
    """By `time.monotonic`."""
    late: float = 0.0
    """How long after it was due it was sent: the generator's own fault."""


class Connection:
    """A kept connection; asks for one thing at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.open = True

    @classmethod
    async def to(cls, netloc: str) -> Connection:
        """Connect to `host:port`."""
        host, _, port = netloc.rpartition(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def get(self, path: str, host: str = "bench") -> int:
        """The status of the answer; BROKEN when there was none."""
        self._writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        try:
            return await self._answer()
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
            self.close()
            return BROKEN

    async def _answer(self) -> int:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        status = int(head.split(" ", 2)[1])
        if "transfer-encoding: chunked" in head:
            await self._chunks()
        else:
            length = head.partition("content-length:")[2].partition("\r\n")[0].strip()
            await self._reader.readexactly(int(length or 0))
        if "connection: close" in head:
            self.close()
        return status

    async def _chunks(self) -> None:
        while True:
            size = int((await self._reader.readline()).partition(b";")[0], 16)
            await self._reader.readexactly(size + 2)
            if not size:
                return

    def close(self) -> None:
        """End it."""
        self.open = False
        self._writer.close()


async def closed(netloc: str, path: str, clients: int, seconds: float) -> list[Answer]:
    """So many clients, each sending its next request when the last is answered."""
    answers: list[Answer] = []
    connections = await _connect(netloc, clients)
    end = time.monotonic() + seconds

    async def keep_busy(connection: Connection) -> None:
        while time.monotonic() < end:
            if not connection.open:
                connection = await Connection.to(netloc)
            answers.append(await _timed(connection, path, time.monotonic()))
        connection.close()

    await _all(keep_busy(each) for each in connections)
    return answers


async def opened(
    netloc: str, path: str, rate: float, seconds: float, at_once: int = 5000
) -> list[Answer]:
    """So many requests a second, on as many connections as that takes, up to `at_once`."""
    answers: list[Answer] = []
    spare: collections.deque[Connection] = collections.deque()
    slots = asyncio.Semaphore(at_once)

    async def ask(due: float) -> None:
        async with slots:
            connection = spare.pop() if spare else None
            if connection is None or not connection.open:
                try:
                    connection = await Connection.to(netloc)
                except OSError:
                    now = time.monotonic()
                    answers.append(Answer(path, BROKEN, now - due, now))
                    return
            answers.append(await _timed(connection, path, due))
            if connection.open:
                spare.append(connection)

    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due = began + number / rate
            if (ahead := due - time.monotonic()) > 0:
                await asyncio.sleep(ahead)
            group.create_task(ask(due))
    for each in spare:
        each.close()
    return answers


async def burst(netloc: str, paths: Sequence[str], within_seconds: float = 0.0) -> list[Answer]:
    """One request for each path, spread evenly over a time; connections are there beforehand."""
    connections = await _connect(netloc, len(paths))
    began = time.monotonic()

    async def ask(number: int, connection: Connection) -> Answer:
        due = began + within_seconds * number / len(paths)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        answer = await _timed(connection, paths[number], due)
        connection.close()
        return answer

    return await _all(ask(number, each) for number, each in enumerate(connections))


async def _all(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    return list(await asyncio.gather(*works))


async def _connect(netloc: str, count: int) -> list[Connection]:
    return [await Connection.to(netloc) for _ in range(count)]


async def _timed(connection: Connection, path: str, due: float) -> Answer:
    late = time.monotonic() - due
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            status = await connection.get(path)
    except TimeoutError:
        connection.close()
        status = BROKEN
    now = time.monotonic()
    return Answer(path, status, now - due, now, late)


def first_call(netloc: str, path: str, body: bytes) -> float:
    """Milliseconds of the first call that reached the function, whose route may be on its way."""
    give_up = time.monotonic() + DEADLINE_SECONDS
    connection = http.client.HTTPConnection(netloc, timeout=DEADLINE_SECONDS)
    with contextlib.closing(connection):
        while True:
            started = time.perf_counter()
            connection.request("GET", path)
            response = connection.getresponse()
            found = response.read()
            milliseconds = (time.perf_counter() - started) * 1000
            if (response.status, found) == (200, body):
                return milliseconds
            if response.status != 404 or time.monotonic() > give_up:
                raise RuntimeError(f"{path} answered {response.status}: {found!r}")
            time.sleep(0.02)


async def wait_routes(netloc: str, paths: Sequence[str]) -> None:
    """Wait until the router knows these routes, without calling their functions.

    The routes take GET alone, so another method is refused with 405 once the route is there.
    """
    give_up = time.monotonic() + DEADLINE_SECONDS
    for path in paths:
        while await asyncio.to_thread(_put_status, netloc, path) != http.client.METHOD_NOT_ALLOWED:
            if time.monotonic() > give_up:
                raise RuntimeError(f"there is no route {path}")
            await asyncio.sleep(0.05)


def _put_status(netloc: str, path: str) -> int:
    connection = http.client.HTTPConnection(netloc, timeout=DEADLINE_SECONDS)
    with contextlib.closing(connection):
        connection.request("PUT", path)
        return connection.getresponse().status


def percentile(values: Iterable[float], share: float) -> float:
    """The value that this share of all stay below or at; NaN of none."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def statuses(answers: Iterable[Answer]) -> dict[int, int]:
    """How often each code came."""
    return dict(sorted(collections.Counter(each.status for each in answers).items()))


def take(answers: Iterable[Answer], wanted: Callable[[Answer], bool]) -> list[float]:
    """The milliseconds of some answers."""
    return [each.seconds * 1000 for each in answers if wanted(each)]
