"""The append-only table in SQLite (WAL): a writer thread that commits in groups, and a reader.

Row id = revision; every create, update and delete is one insert. ``Writer.submit`` never blocks;
its callbacks run on the event loop after the commit. Durability has two classes: a group that
holds any durable row is committed with ``synchronous=FULL`` (survives a power cut, and takes all
earlier groups with it, because the WAL is synced as a whole), any other with ``NORMAL`` (survives
the death of the process).

A failed commit fails everything submitted since: rows decided upon a state that was never
written must not be written either. ``epoch`` separates them from what comes after.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fission.cluster.storage import errors

SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
    id INTEGER PRIMARY KEY,
    resource TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    verb INTEGER NOT NULL,
    previous INTEGER NOT NULL,
    value BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS log_by_key ON log (resource, namespace, name, id);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

CREATED, MODIFIED, DELETED = 0, 1, 2

START_STEP = 1_000_000
"""Each start begins at the next multiple: revisions that a power cut may have taken back are
never handed out twice, since no start writes that many rows between two syncs."""

MAX_REMEMBERED_GAPS = 64
MAX_GROUP_ROWS = 512
"""Bounds a transaction, and with it the wait of the first in the group."""


@dataclass(frozen=True, slots=True)
class Row:
    id: int
    resource: str
    namespace: str
    name: str
    verb: int
    previous: int
    value: bytes


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A row together with the value that it replaced."""

    row: Row
    previous_value: bytes | None


@dataclass(frozen=True, slots=True)
class Opened:
    """What the log remembers from earlier starts."""

    rows: list[Row]
    """The live rows: one per existing object."""
    revision: int
    """Where this start begins; no row has it."""
    compacted: int
    gaps: list[tuple[int, int]]
    """Open intervals of revisions that never were, or were lost: (last before, first after)."""


@dataclass(slots=True)
class _Item:
    epoch: int
    row: Row | None
    durable: bool
    done: Callable[[], None]
    failed: Callable[[Exception], None]
    task: Callable[[sqlite3.Connection], None] | None = None


def _finish_all(items: list[_Item]) -> None:
    for item in items:
        item.done()


def _fail_all(items: list[_Item], error: Exception) -> None:
    for item in items:
        item.failed(error)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA busy_timeout = 5000")
    return connection


class Lock:
    """Keeps a second process out of the store's folder."""

    def __init__(self, folder: Path) -> None:
        self._fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise errors.StoreLocked(f"another process has the store in {folder} open") from error

    def release(self) -> None:
        os.close(self._fd)


class Log:
    """One file. ``open`` first, then ``submit`` and the read methods; ``close`` at the end."""

    def __init__(self, folder: Path, notify: Callable[[Callable[[], None]], object]) -> None:
        """``notify`` brings a callback to the caller's thread (``call_soon_threadsafe``)."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / "log.sqlite"
        self._notify = notify
        self._lock = Lock(folder)
        self._writer = _connect(self._path)
        self._reader: sqlite3.Connection | None = None
        self._reader_lock = threading.Lock()
        self._pending: list[_Item] = []
        self._wake = threading.Condition()
        self._closing = False
        self._failed_epoch = -1
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)

    # --- start and end ---

    def open(self) -> Opened:
        """Create or read the file and start the writer thread. Blocking; call it once."""
        db = self._writer
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA journal_size_limit = 16777216")
        db.execute("PRAGMA cache_size = -2000")
        db.executescript(SCHEMA)
        facts = dict(db.execute("SELECT name, value FROM facts").fetchall())
        (newest,) = db.execute("SELECT coalesce(max(id), 0) FROM log").fetchone()
        last = max(newest, int(facts.get("start", 0)))
        start = (last // START_STEP + 1) * START_STEP
        gaps = [*json.loads(facts.get("gaps", "[]")), [last, start]][-MAX_REMEMBERED_GAPS:]
        with _transaction(db):
            _set_fact(db, "start", str(start))
            _set_fact(db, "gaps", json.dumps(gaps))
        rows = db.execute(
            "SELECT id, resource, namespace, name, verb, previous, value FROM log"
            " WHERE verb <> 2 AND id NOT IN (SELECT previous FROM log) ORDER BY id"
        )
        live = [Row(*fields) for fields in rows]
        self._thread.start()
        compacted = int(facts.get("compacted", 0))
        return Opened(live, start, compacted, [(int(a), int(b)) for a, b in gaps])

    def close(self) -> None:
        """Commit what is pending, end the thread, close the file. Blocking."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.ident is not None:
            self._thread.join()
        with self._reader_lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        self._writer.close()
        self._lock.release()

    # --- writing (any thread submits, the writer thread commits) ---

    def submit(
        self,
        epoch: int,
        row: Row,
        durable: bool,
        done: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Append a row; ``done`` or ``failed`` is brought back in the order of submission."""
        self._enqueue(_Item(epoch, row, durable, done, failed))

    def compact(self, revision: int, done: Callable[[], None]) -> None:
        """Forget rows that were superseded at ``revision`` or before."""

        def task(db: sqlite3.Connection) -> None:
            db.execute("PRAGMA synchronous = NORMAL")
            with _transaction(db):
                _set_fact(db, "compacted", str(revision))
                db.execute(
                    "DELETE FROM log WHERE id <= ?1 AND (verb = 2 OR id IN"
                    " (SELECT previous FROM log WHERE id <= ?1 AND previous <> 0))",
                    (revision,),
                )
            db.execute("PRAGMA incremental_vacuum(200)").fetchall()

        self._enqueue(_Item(0, None, False, done, lambda error: None, task))

    def _enqueue(self, item: _Item) -> None:
        with self._wake:
            if self._closing:
                raise errors.StoreClosed("the store is closing")
            self._pending.append(item)
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._pending and not self._closing:
                    self._wake.wait()
                if not self._pending:
                    return
                items = self._pending[:MAX_GROUP_ROWS]
                del self._pending[:MAX_GROUP_ROWS]
            self._process(items)

    def _process(self, items: list[_Item]) -> None:
        group = [item for item in items if item.row and item.epoch > self._failed_epoch]
        stale = [item for item in items if item.row and item.epoch <= self._failed_epoch]
        error: Exception | None = None
        if group:
            try:
                self._commit(group)
            except Exception as problem:  # any failure must reach those who wait
                error = errors.WriteFailed(f"the store could not commit: {problem}")
                error.__cause__ = problem
                self._failed_epoch = max(item.epoch for item in group)
        if stale or error:
            failure = error or errors.WriteFailed("a write before this one failed")
            lost = stale + (group if error else [])
            self._notify(lambda: _fail_all(lost, failure))
        if group and error is None:
            self._notify(lambda: _finish_all(group))
        for item in items:
            if item.task is not None:
                self._run_task(item)

    def _commit(self, group: list[_Item]) -> None:
        durable = any(item.durable for item in group)
        self._writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        with _transaction(self._writer):
            self._writer.executemany(
                "INSERT INTO log (id, resource, namespace, name, verb, previous, value)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (r.id, r.resource, r.namespace, r.name, r.verb, r.previous, r.value)
                    for r in (item.row for item in group)
                    if r is not None
                ],
            )

    def _run_task(self, item: _Item) -> None:
        assert item.task is not None
        try:
            item.task(self._writer)
        except sqlite3.Error as error:
            failure = error
            self._notify(lambda: item.failed(failure))
        else:
            self._notify(item.done)

    # --- reading (blocking: call from a worker thread) ---

    def history(
        self, resource: str, namespace: str | None, after: int, until: int
    ) -> list[HistoryRow]:
        """The rows of one resource with ``after < id <= until``, in order."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT l.id, l.resource, l.namespace, l.name, l.verb, l.previous, l.value,"
                " p.value FROM log l LEFT JOIN log p ON p.id = l.previous AND l.previous <> 0"
                " WHERE l.id > ?1 AND l.id <= ?2 AND l.resource = ?3"
                " AND (?4 IS NULL OR l.namespace = ?4) ORDER BY l.id",
                (after, until, resource, namespace),
            ).fetchall()
        return [HistoryRow(Row(*fields[:7]), fields[7]) for fields in rows]

    def snapshot(self, resource: str, namespace: str | None, revision: int) -> list[Row]:
        """The objects as they were at ``revision``, sorted by key."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT id, resource, namespace, name, verb, previous, value FROM log"
                " WHERE verb <> 2 AND id IN (SELECT max(id) FROM log WHERE resource = ?1"
                " AND id <= ?2 AND (?3 IS NULL OR namespace = ?3)"
                " GROUP BY namespace, name) ORDER BY namespace, name",
                (resource, revision, namespace),
            ).fetchall()
        return [Row(*fields) for fields in rows]

    def count(self) -> int:
        """How many rows the log holds."""
        with self._reading() as db:
            (rows,) = db.execute("SELECT count(*) FROM log").fetchone()
        return int(rows)

    def _reading(self) -> _Reading:
        return _Reading(self)


class _Reading:
    """One reader at a time on the read-only connection."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def __enter__(self) -> sqlite3.Connection:
        log = self._log
        log._reader_lock.acquire()
        if log._reader is None:
            log._reader = _connect(log._path)
            log._reader.execute("PRAGMA query_only = ON")
            log._reader.execute("PRAGMA cache_size = -1000")
        return log._reader

    def __exit__(self, *_: Any) -> None:
        self._log._reader_lock.release()


class _transaction:
    """BEGIN … COMMIT, or ROLLBACK when anything goes wrong, the COMMIT included."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is None:
            try:
                self._db.execute("COMMIT")
            except sqlite3.Error:
                self._rollback()
                raise
        else:
            self._rollback()

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


def _set_fact(db: sqlite3.Connection, name: str, value: str) -> None:
    db.execute("INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)", (name, value))
