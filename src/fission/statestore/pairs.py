"""Keyed values with versions and an end: get, set, delete, list.

A value that is past its end is not there, whether its row is or not; rows go afterwards
(``sweep``) and before keys are counted.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from fission.contracts import statestore as wire
from fission.statestore import errors, rules

SWEEP_ROWS: Final = 500
_LAST: Final = "\U0010ffff"
"""Behind every character that a key may have."""


def get(db: sqlite3.Connection, request: wire.GetRequest, now: int) -> wire.GetResponse:
    """A value; raises NotFound."""
    row = db.execute(
        "SELECT value, version FROM pairs WHERE scope = ? AND key = ?"
        " AND (expires IS NULL OR expires > ?)",
        (_scope(db, request.scope), request.key, now),
    ).fetchone()
    if row is None:
        raise errors.NotFound(f"key {request.key!r} does not exist")
    return wire.GetResponse(value=row[0], version=row[1])


def set_(db: sqlite3.Connection, request: wire.SetRequest, now: int) -> None:
    """Write a value; raises VersionConflict, QuotaExceeded."""
    scope = _scope(db, request.scope)
    version, is_row = _current(db, scope, request.key, now)
    written = rules.next_version(version, request.if_version)
    if version == 0 and request.max_keys > 0:
        while sweep(db, now):
            pass
        scope, is_row = _scope(db, request.scope), False
        _check_keys(db, scope, request)
    if not scope:
        scope = _make_scope(db, request.scope)
    expires = now + request.ttl_nanos if request.ttl_nanos else None
    db.execute(
        "INSERT OR REPLACE INTO pairs (scope, key, version, expires, value) VALUES (?, ?, ?, ?, ?)",
        (scope, request.key, written, expires, request.value),
    )
    if not is_row:
        _count(db, scope, 1)


def delete(db: sqlite3.Connection, request: wire.DeleteRequest, now: int) -> None:
    """Remove a key; raises VersionConflict where a version was expected."""
    scope = _scope(db, request.scope)
    version, _ = _current(db, scope, request.key, now)
    if rules.may_delete(version, request.if_version):
        db.execute("DELETE FROM pairs WHERE scope = ? AND key = ?", (scope, request.key))
        _count(db, scope, -1)


def list_(db: sqlite3.Connection, request: wire.ListRequest, now: int) -> wire.ListResponse:
    """A page of keys, sorted; the token is the last one."""
    limit = rules.page_limit(request.page.limit)
    found = [
        key
        for (key,) in db.execute(
            "SELECT key FROM pairs WHERE scope = ? AND key > ? AND key >= ? AND key < ?"
            " AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT ?",
            (
                _scope(db, request.scope),
                request.page.token,
                request.prefix,
                request.prefix + _LAST,
                now,
                limit + 1,
            ),
        )
    ]
    more = len(found) > limit
    return wire.ListResponse(keys=found[:limit], next=found[limit - 1] if more else "")


def is_empty(db: sqlite3.Connection, scope: wire.Scope, now: int) -> bool:
    """Whether a scope has no key."""
    row = db.execute(
        "SELECT 1 FROM pairs WHERE scope = ? AND (expires IS NULL OR expires > ?) LIMIT 1",
        (_scope(db, scope), now),
    ).fetchone()
    return row is None


def sweep(db: sqlite3.Connection, now: int, most: int = SWEEP_ROWS) -> bool:
    """Remove rows of values past their end; returns whether there may be more."""
    rows = db.execute(
        "SELECT scope, key FROM pairs WHERE expires <= ? LIMIT ?", (now, most)
    ).fetchall()
    for scope, key in rows:
        db.execute("DELETE FROM pairs WHERE scope = ? AND key = ?", (scope, key))
        _count(db, scope, -1)
    return len(rows) == most


def count(db: sqlite3.Connection) -> int:
    """How many keys there are, in all scopes."""
    (keys,) = db.execute("SELECT coalesce(sum(keys), 0) FROM scopes").fetchone()
    return int(keys)


def _check_keys(db: sqlite3.Connection, scope: int, request: wire.SetRequest) -> None:
    """Raise QuotaExceeded where a scope has as many keys as its owner allows."""
    row = db.execute("SELECT keys FROM scopes WHERE id = ?", (scope,)).fetchone()
    if row is not None and row[0] >= request.max_keys:
        raise errors.QuotaExceeded(
            f"keyspace {request.scope.keyspace!r} holds {row[0]} keys, {request.max_keys} is its"
            " bound: delete keys, or give them a time to live"
        )


def _current(db: sqlite3.Connection, scope: int, key: str, now: int) -> tuple[int, bool]:
    """The version of what is there (0: nothing), and whether it has a row."""
    row = db.execute(
        "SELECT version, expires FROM pairs WHERE scope = ? AND key = ?", (scope, key)
    ).fetchone()
    if row is None:
        return 0, False
    return (row[0] if row[1] is None or row[1] > now else 0), True


def _scope(db: sqlite3.Connection, scope: wire.Scope) -> int:
    """The scope's row id; 0 when there is none."""
    row = db.execute(
        "SELECT id FROM scopes WHERE namespace = ? AND owner = ? AND keyspace = ?",
        (scope.namespace, scope.owner, scope.keyspace),
    ).fetchone()
    return row[0] if row else 0


def _make_scope(db: sqlite3.Connection, scope: wire.Scope) -> int:
    cursor = db.execute(
        "INSERT INTO scopes (namespace, owner, keyspace) VALUES (?, ?, ?)",
        (scope.namespace, scope.owner, scope.keyspace),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _count(db: sqlite3.Connection, scope: int, change: int) -> None:
    """Keep the number of keys; a scope without any goes."""
    db.execute("UPDATE scopes SET keys = keys + ? WHERE id = ?", (change, scope))
    db.execute("DELETE FROM scopes WHERE id = ? AND keys <= 0", (scope,))
