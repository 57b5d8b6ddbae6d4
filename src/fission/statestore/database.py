"""The file: its tables, who may open it, and what is said when it cannot be used."""

from __future__ import annotations

import fcntl
import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from fission.statestore import errors

T = TypeVar("T")

FILE_NAME: Final = "state.sqlite"
FORMAT: Final = 1
"""Written into the file (``user_version``): a newer one is not touched."""

VACUUM_PAGES: Final = 512
"""2 MiB: what one pass of upkeep gives back."""

LOCK_SECONDS: Final = 1.0
"""How long the process that is being replaced has to let go of the file."""
_LOCK_PAUSE_SECONDS: Final = 0.05

SCHEMA: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE scopes (
    id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, owner TEXT NOT NULL, keyspace TEXT NOT NULL,
    keys INTEGER NOT NULL DEFAULT 0, UNIQUE (namespace, owner, keyspace)
) STRICT;
CREATE TABLE pairs (
    scope INTEGER NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, expires INTEGER,
    value BLOB NOT NULL, PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX pairs_expiring ON pairs (expires) WHERE expires IS NOT NULL;
CREATE TABLE streams (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, head INTEGER NOT NULL DEFAULT 0,
    first INTEGER NOT NULL DEFAULT 1, swept INTEGER NOT NULL DEFAULT 1,
    newest INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX streams_to_sweep ON streams (id) WHERE swept < first;
CREATE TABLE events (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL,
    headers BLOB, payload BLOB NOT NULL
) STRICT;
CREATE TABLE queues (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, live INTEGER NOT NULL DEFAULT 0,
    dead INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, queue INTEGER NOT NULL, visible INTEGER NOT NULL,
    leased INTEGER NOT NULL DEFAULT 0, epoch INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, enqueued INTEGER NOT NULL, dedup TEXT,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX messages_in_order ON messages (queue, visible, id);
CREATE UNIQUE INDEX messages_by_dedup ON messages (queue, dedup)
    WHERE dedup IS NOT NULL;
CREATE TABLE dead (
    id INTEGER PRIMARY KEY, queue INTEGER NOT NULL, epoch INTEGER NOT NULL,
    attempts INTEGER NOT NULL, enqueued INTEGER NOT NULL, died INTEGER NOT NULL,
    reason TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE INDEX dead_in_order ON dead (queue, id);
"""


class Lock:
    """Keeps a second process out of the folder."""

    def __init__(self, folder: Path, wait_seconds: float = LOCK_SECONDS) -> None:
        try:
            self._fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise errors.CannotOpen(f"STATESTORE_PATH: {folder}: {error.strerror}") from error
        give_up = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError as error:
                if time.monotonic() > give_up:
                    os.close(self._fd)
                    raise errors.CannotOpen(
                        f"STATESTORE_PATH: another process has the store in {folder} open;"
                        " one statestore serves one folder: stop the other, or give this one"
                        " a folder of its own"
                    ) from error
            time.sleep(_LOCK_PAUSE_SECONDS)

    def release(self) -> None:
        os.close(self._fd)


def make_folder(folder: Path) -> None:
    """Have the folder there; raises CannotOpen."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise errors.CannotOpen(f"STATESTORE_PATH: {folder}: {error.strerror}") from error


def open_writer(path: Path) -> sqlite3.Connection:
    """The connection that writes, the tables being there; raises CannotOpen."""
    try:
        # SQLite gives the files beside it the same mode: what is in them is nobody else's.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        db = connect(path)
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        prepare(db)
        _check(db)
    except OSError as error:
        raise errors.CannotOpen(f"STATESTORE_PATH: {path}: {error.strerror}") from error
    except sqlite3.DatabaseError as error:
        raise errors.CannotOpen(_unusable(path, error)) from error
    return db


def prepare(db: sqlite3.Connection) -> None:
    """Settings of the connection, tables and facts."""
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA journal_size_limit = 16777216")
    db.execute("PRAGMA cache_size = -4000")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > FORMAT:
        raise sqlite3.DatabaseError(f"written by a newer statestore (format {version})")
    if version == FORMAT:
        return
    with Transaction(db):
        for statement in SCHEMA.split(";"):
            db.execute(statement)
        db.execute("INSERT INTO facts (name, value) VALUES ('birth', ?)", (secrets.token_hex(4),))
        db.execute(f"PRAGMA user_version = {FORMAT}")


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads."""
    db = connect(path)
    db.execute("PRAGMA query_only = ON")
    db.execute("PRAGMA cache_size = -2000")
    return db


def connect(path: Path | str) -> sqlite3.Connection:
    """A connection that any one thread may use at a time."""
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA busy_timeout = 5000")
    return db


def birth(db: sqlite3.Connection) -> str:
    """What tells this file from another one that took its place."""
    (value,) = db.execute("SELECT value FROM facts WHERE name = 'birth'").fetchone()
    return str(value)


def used_bytes(db: sqlite3.Connection) -> int:
    """How much of the file holds something."""
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    (size,) = db.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)


def give_room_back(db: sqlite3.Connection) -> None:
    """Shorten the file by some of what is free in it."""
    db.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()


def look(db: sqlite3.Connection, run: Callable[[sqlite3.Connection], T]) -> T:
    """Read as of one moment."""
    db.execute("BEGIN")
    try:
        return run(db)
    finally:
        db.execute("ROLLBACK")


def _check(db: sqlite3.Connection) -> None:
    """Raise where the file is visibly damaged: shorter than it says, or its tables are torn."""
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    if pages * 4096 <= _CHECKED_BYTES:
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        return
    for table in ("scopes", "streams", "queues"):
        db.execute(f"SELECT count(*) FROM {table}").fetchone()
    for table in ("events", "messages", "dead"):
        db.execute(f"SELECT id FROM {table} ORDER BY id DESC LIMIT 1").fetchone()


_CHECKED_BYTES: Final = 64 << 20
"""A file up to this size is checked as a whole at each start: some 0.1 s."""


def _unusable(path: Path, error: sqlite3.DatabaseError) -> str:
    return (
        f"STATESTORE_PATH: {path} cannot be used: {error}. Restore it from a copy together with"
        f" {path.name}-wal, or move both away to begin with an empty store: what they hold"
        " (topics, queues, keys, and how far consumers are) is lost then"
    )


class Transaction:
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
                self._roll_back()
                raise
        else:
            self._roll_back()

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


def attempt(db: sqlite3.Connection, step: Callable[[], T]) -> T:
    """Run a step of a transaction; one that raises leaves nothing behind."""
    db.execute("SAVEPOINT step")
    try:
        result = step()
    except BaseException:
        if db.in_transaction:  # SQLite ends it by itself where the disk is full
            db.execute("ROLLBACK TO step")
            db.execute("RELEASE step")
        raise
    db.execute("RELEASE step")
    return result
