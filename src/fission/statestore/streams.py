"""Event streams: append with or without an expected head, read, trim.

Events of a stream have sequence numbers without gaps from ``first`` to ``head``; row id =
stream id · 2⁴⁰ + number, so a stream lies together in the file and a read is one range. A trim
moves ``first``; the rows go afterwards, a piece at a time (``sweep``).
"""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from fission.contracts import statestore as wire
from fission.statestore import moments, pairs, rules

_SHIFT: Final = 40
SWEEP_ROWS: Final = 2000
"""Rows that one sweep removes: some 10 ms, for which writers wait."""


def append(
    db: sqlite3.Connection, request: wire.AppendRequest, now: int, bounds: rules.Bounds
) -> wire.HeadResponse:
    """Append all events or none."""
    row = db.execute(
        "SELECT id, head, first, newest FROM streams WHERE name = ?", (request.stream,)
    ).fetchone()
    stream, head, first, newest = row or (0, 0, 1, 0)
    rules.check_append(head, request.expected_seq, request.stream)
    if not request.events:
        return wire.HeadResponse(head=head, first=first)
    added = len(request.events)
    if head - first + 1 + added > bounds.max_unread_events and _is_unread(db, request.stream, now):
        first = max(first, min(head, head + added - bounds.max_unread_events) + 1)
    rules.check_room(request.stream, head - first + 1, added, bounds.max_stream_events)
    if not stream:
        cursor = db.execute("INSERT INTO streams (name) VALUES (?)", (request.stream,))
        stream = cursor.lastrowid or 0
    at = max(now, newest)  # the clock may go back; the order in a stream does not
    base = (stream << _SHIFT) + head + 1
    db.executemany(
        "INSERT INTO events (id, at, type, key, headers, payload) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (base + place, at, event.type, event.key, _packed(event.headers), event.payload)
            for place, event in enumerate(request.events)
        ],
    )
    head += added
    db.execute(
        "UPDATE streams SET head = ?, first = ?, newest = ? WHERE id = ?", (head, first, at, stream)
    )
    return wire.HeadResponse(head=head, first=first)


def read(db: sqlite3.Connection, request: wire.ReadRequest, max_bytes: int) -> wire.ReadResponse:
    """Events behind a number, within bounds; at least one where there is one."""
    row = db.execute(
        "SELECT id, head, first FROM streams WHERE name = ?", (request.stream,)
    ).fetchone()
    if row is None:
        return wire.ReadResponse(head=0, first=1)
    stream, head, first = row
    start = max(request.from_seq + 1, first)
    answer = wire.ReadResponse(head=head, first=first)
    if start > head:
        return answer
    base = stream << _SHIFT
    budget = min(request.max_bytes, max_bytes) if request.max_bytes > 0 else max_bytes
    rows = db.execute(
        "SELECT id, at, type, key, headers, payload FROM events WHERE id >= ? AND id <= ?"
        " ORDER BY id LIMIT ?",
        (base + start, base + head, rules.page_limit(request.limit)),
    )
    for number, at, kind, key, headers, payload in rows:
        budget -= len(payload) + (len(headers) if headers else 0)
        if budget < 0 and answer.events:
            break
        event = wire.Event(
            seq=number - base,
            type=kind,
            payload=payload,
            at=moments.moment(at),
            key=key,
            headers=msgspec.json.decode(headers) if headers else {},
        )
        answer.events.append(event)
    rows.close()
    return answer


def head(db: sqlite3.Connection, stream: str) -> wire.HeadResponse:
    """Newest and oldest number; a stream that is not there is empty."""
    row = db.execute("SELECT head, first FROM streams WHERE name = ?", (stream,)).fetchone()
    return wire.HeadResponse(head=row[0], first=row[1]) if row else wire.HeadResponse(first=1)


def trim(db: sqlite3.Connection, stream: str, below_seq: int) -> None:
    """Forget events below a number; the head stays."""
    db.execute(
        "UPDATE streams SET first = min(?, head + 1) WHERE name = ? AND first < ?",
        (below_seq, stream, below_seq),
    )


def sweep(db: sqlite3.Connection, most: int = SWEEP_ROWS) -> bool:
    """Remove rows of trimmed events; returns whether there may be more."""
    row = db.execute("SELECT id, swept, first FROM streams WHERE swept < first LIMIT 1").fetchone()
    if row is None:
        return False
    stream, swept, first = row
    until = min(first, swept + most)
    base = stream << _SHIFT
    db.execute("DELETE FROM events WHERE id >= ? AND id < ?", (base + swept, base + until))
    db.execute("UPDATE streams SET swept = ? WHERE id = ?", (until, stream))
    return True


def expire(db: sqlite3.Connection, prefix: str, before: int) -> dict[str, int]:
    """Forget events of streams so named that came before a moment; how many of which."""
    forgotten = {}
    rows = db.execute(
        "SELECT id, name, head, first FROM streams WHERE name >= ? AND name < ? AND first <= head",
        (prefix, prefix + "\U0010ffff"),
    ).fetchall()
    for stream, name, newest, first in rows:
        keep = _first_since(db, stream << _SHIFT, first, newest, before)
        if keep > first:
            db.execute("UPDATE streams SET first = ? WHERE id = ?", (keep, stream))
            forgotten[name] = keep - first
    return forgotten


def counts(db: sqlite3.Connection) -> tuple[int, int]:
    """How many streams and how many events there are."""
    streams, events = db.execute(
        "SELECT count(*), coalesce(sum(head - first + 1), 0) FROM streams"
    ).fetchone()
    return int(streams), int(events)


def _first_since(db: sqlite3.Connection, base: int, first: int, head: int, before: int) -> int:
    """The first number at or after a moment; times never fall within a stream."""
    low, high = first, head + 1
    if _at(db, base + low) >= before:
        return low
    while low < high:
        middle = (low + high) // 2
        if _at(db, base + middle) < before:
            low = middle + 1
        else:
            high = middle
    return low


def _is_unread(db: sqlite3.Connection, stream: str, now: int) -> bool:
    """Whether it is a topic for which nobody is registered: new readers begin at its head."""
    names = wire.topic_of(stream)
    return names is not None and pairs.is_empty(db, wire.readers_scope(*names), now)


def _at(db: sqlite3.Connection, number: int) -> int:
    (at,) = db.execute("SELECT at FROM events WHERE id = ?", (number,)).fetchone()
    return int(at)


def _packed(headers: dict[str, str]) -> bytes | None:
    return msgspec.json.encode(headers) if headers else None
