"""The thread that writes: commands one after the other, committed in groups, told afterwards.

A command is a function of the connection and the moment. Whatever waits while a commit is on its
way to the disk makes the next group, so that a hundred callers pay for one sync and a lone one
for its own. A command that refuses leaves nothing and does not disturb its group. Where a group
does not fit on the disk, each is tried alone, so that what makes room still succeeds. Any other
failure of the disk ends the store: only a new start can tell what is there.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from fission.base import clock as clocks
from fission.statestore import database, errors, moments, rules

T = TypeVar("T")

MAX_GROUP: Final = 512
"""Bounds a transaction, and with it how long the first of a group waits."""
MAX_PENDING: Final = 8192
"""Commands that wait for their turn; more are told to come again."""

_OWN_FAULTS: Final = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Size:
    """About how many bytes a command adds; what helps others to make room may go further."""

    adds: int = 0
    is_urgent: bool = False


NOTHING: Final = Size()
RESERVE_SHARE: Final = 16
"""One part in so many, on top of the bound, is for what is urgent: how far a consumer is."""


@dataclass(slots=True)
class Command(Generic[T]):
    """Something to write."""

    run: Callable[[sqlite3.Connection, int], T]
    size: Size
    done: asyncio.Future[T]
    committed: Callable[[T], None] | None = None
    """Called in the loop before the caller goes on, even when the caller went away."""
    outcome: Any = None
    failure: Exception | None = None


@dataclass
class Counts:
    """What the thread did."""

    commits: int = 0
    commands: int = 0
    commit_seconds: float = 0.0
    used_bytes: int = 0
    refused_full: int = 0


@dataclass
class _Inbox:
    waiting: deque[Command[Any]] = field(default_factory=deque)
    wake: threading.Condition = field(default_factory=threading.Condition)
    is_closing: bool = False


class Writer:
    """One connection, one thread. ``submit`` from the event loop only."""

    def __init__(
        self,
        db: sqlite3.Connection,
        loop: asyncio.AbstractEventLoop,
        clock: clocks.Clock,
        bounds: rules.Bounds,
        on_broken: Callable[[errors.StoreBroken], None],
    ) -> None:
        self._db = db
        self._loop = loop
        self._clock = clock
        self._bounds = bounds
        self._on_broken = on_broken
        self._inbox = _Inbox()
        self._broken: errors.StoreBroken | None = None
        self.counts = Counts(used_bytes=database.used_bytes(db))
        self._thread = threading.Thread(target=self._work, name="statestore-writer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(
        self,
        run: Callable[[sqlite3.Connection, int], T],
        size: Size = NOTHING,
        committed: Callable[[T], None] | None = None,
    ) -> asyncio.Future[T]:
        """Have a command run; the future ends when it is on disk, or with why it was not."""
        command = Command(run, size, self._loop.create_future(), committed)
        inbox = self._inbox
        with inbox.wake:
            if inbox.is_closing or self._broken is not None:
                raise errors.Closed("statestore is stopping; try again in a moment")
            if len(inbox.waiting) >= MAX_PENDING:
                raise errors.QuotaExceeded(
                    f"{MAX_PENDING} writes are waiting for the disk; try again in a moment"
                )
            inbox.waiting.append(command)
            inbox.wake.notify()
        return command.done

    def close(self) -> None:
        """Commit what is waiting and end the thread. Blocking."""
        with self._inbox.wake:
            self._inbox.is_closing = True
            self._inbox.wake.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        inbox = self._inbox
        while True:
            with inbox.wake:
                while not inbox.waiting and not inbox.is_closing:
                    inbox.wake.wait()
                if not inbox.waiting:
                    return
                count = min(MAX_GROUP, len(inbox.waiting))
                group = [inbox.waiting.popleft() for _ in range(count)]
            self._write(group)

    def _write(self, group: list[Command[Any]]) -> None:
        try:
            if self._broken is not None:
                raise self._broken
            self._commit(group)
        except Exception as error:  # any failure must reach those who wait
            if _is_full(error) and len(group) > 1:
                for command in group:
                    self._write([command])
                return
            failure: Exception
            if _is_full(error):
                self.counts.refused_full += 1
                failure = _disk_full(error)
            else:
                failure = self._break(error)
            for command in group:
                command.failure = failure
        self._loop.call_soon_threadsafe(_tell, group)

    def _commit(self, group: list[Command[Any]]) -> None:
        """Run all in one transaction; raises what concerns all of them."""
        started = time.monotonic()
        with database.Transaction(self._db):
            room = self._bounds.max_bytes - self.counts.used_bytes
            for command in group:
                command.outcome = command.failure = None
                try:
                    self._check_room(command.size, room)
                    command.outcome = self._run(command)
                    room -= command.size.adds
                except errors.StateError as error:
                    command.failure = error
        counts = self.counts
        counts.used_bytes = database.used_bytes(self._db)
        counts.commits += 1
        counts.commands += len(group)
        counts.commit_seconds += time.monotonic() - started

    def _run(self, command: Command[Any]) -> Any:
        """Its outcome; what is the command's own fault is no reason to stop."""
        try:
            now = moments.nanos(self._clock.now())
            return database.attempt(self._db, lambda: command.run(self._db, now))
        except (errors.StateError, sqlite3.OperationalError):
            raise
        except sqlite3.DatabaseError as error:
            if not isinstance(error, _OWN_FAULTS):
                raise
            raise _own_fault(error) from error
        except Exception as error:
            raise _own_fault(error) from error

    def _check_room(self, size: Size, room: int) -> None:
        """Raise QuotaExceeded for a command that adds too much."""
        if size.is_urgent:
            room += self._bounds.max_bytes // RESERVE_SHARE
        if size.adds > max(0, room):
            self.counts.refused_full += 1
            raise errors.QuotaExceeded(
                f"statestore holds {self.counts.used_bytes / (1 << 20):.1f} MiB of"
                f" {self._bounds.max_bytes / (1 << 20):.0f} MiB (STATESTORE_MAX_SIZE_MIB): trim or"
                " read topics, settle messages, purge dead letters, or raise the bound and the"
                " volume"
            )

    def _break(self, error: Exception) -> errors.StoreBroken:
        if self._broken is None:
            self._broken = errors.StoreBroken(f"the store's file failed: {error}")
            self._broken.__cause__ = error
            _log.error("the store's file failed", exc_info=error)
            self._loop.call_soon_threadsafe(self._on_broken, self._broken)
        return self._broken


def _tell(group: list[Command[Any]]) -> None:
    """In the loop: what became of each."""
    for command in group:
        if command.failure is None and command.committed is not None:
            command.committed(command.outcome)
        if command.done.done():  # its caller went away
            continue
        if command.failure is None:
            command.done.set_result(command.outcome)
        elif isinstance(command.failure, errors.StateError):
            command.done.set_exception(command.failure)
        else:
            command.done.set_exception(errors.Closed(str(command.failure)))


def _own_fault(error: Exception) -> errors.StateError:
    _log.error("a command failed unexpectedly", exc_info=error)
    return errors.StateError("internal error")


def _is_full(error: Exception) -> bool:
    # Errors of the module itself, such as of a closed connection, have no code.
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


def _disk_full(error: Exception) -> errors.QuotaExceeded:
    full = errors.QuotaExceeded(
        "the volume of statestore is full: make room on it, trim topics, settle messages or purge"
        " dead letters"
    )
    full.__cause__ = error
    return full
