"""Work queues: enqueue, lease, settle, dead letters.

A lease is a moment until which a message is not visible, and a number (``epoch``) that its
receipt carries; nothing has to happen when it ends. Who still holds the newest receipt may settle
after that moment, as long as nobody else got the message. A message whose last lease ends
unsettled is buried by the next call that comes upon it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from fission.contracts import statestore as wire
from fission.statestore import errors, moments, rules

EXPIRED: Final = "the lease of the last attempt ended without an answer"
SPENT: Final = "all attempts failed"


def enqueue(db: sqlite3.Connection, request: wire.EnqueueRequest, now: int, most: int) -> int:
    """Add a message, or find the unsettled one with its key; returns the number."""
    queue, live, dead = _queue(db, request.queue) or (0, 0, 0)
    if request.dedup_key and queue:
        row = db.execute(
            "SELECT id FROM messages WHERE queue = ? AND dedup = ?", (queue, request.dedup_key)
        ).fetchone()
        if row is not None:
            return int(row[0])
    rules.check_queue_room(request.queue, live, dead, most)
    if not queue:
        cursor = db.execute("INSERT INTO queues (name) VALUES (?)", (request.queue,))
        queue = cursor.lastrowid or 0
    cursor = db.execute(
        "INSERT INTO messages (queue, visible, enqueued, dedup, body) VALUES (?, ?, ?, ?, ?)",
        (queue, now + request.delay_nanos, now, request.dedup_key or None, request.body),
    )
    _count(db, queue, live=1)
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def lease(
    db: sqlite3.Connection, request: wire.LeaseRequest, now: int, bounds: rules.Bounds, birth: str
) -> tuple[list[wire.LeasedMessage], int | None]:
    """Messages, oldest first; with none the moment (or None) from which there may be one."""
    found = _queue(db, request.queue)
    if found is None:
        return [], None
    queue = found[0]
    leased: list[wire.LeasedMessage] = []
    room = bounds.max_answer_bytes
    wanted = min(request.n, wire.MAX_PAGE)
    while len(leased) < wanted:
        rows = _visible(db, queue, now, wanted - len(leased))
        if not rows:
            break
        for number, attempts, epoch, size in rows:
            if not rules.has_attempts_left(attempts, bounds.max_attempts):
                _bury(db, number, EXPIRED, now)
                continue
            room -= size
            if room < 0 and leased:
                return leased, None
            leased.append(
                _leased(db, number, attempts, epoch, now + request.lease_for_nanos, birth)
            )
    return leased, None if leased else _next_visible(db, queue)


def ack(db: sqlite3.Connection, receipt: str) -> None:
    """The message is done."""
    number, queue, _ = _held(db, receipt)
    db.execute("DELETE FROM messages WHERE id = ?", (number,))
    _count(db, queue, live=-1)


def nack(db: sqlite3.Connection, request: wire.NackRequest, now: int, max_attempts: int) -> str:
    """Again later, or a dead letter after the last attempt; returns the name of the queue."""
    number, queue, attempts = _held(db, request.receipt)
    if not rules.has_attempts_left(attempts, max_attempts):
        _bury(db, number, SPENT, now)
        return _name(db, queue)
    visible = now + request.retry_after_nanos
    db.execute("UPDATE messages SET leased = 0, visible = ? WHERE id = ?", (visible, number))
    return _name(db, queue)


def give_back(db: sqlite3.Connection, receipts: Iterable[str], now: int) -> set[str]:
    """Undo leases of which nobody learned: the deliveries never began. Returns the queues."""
    names = set()
    for receipt in receipts:
        try:
            number, queue, _ = _held(db, receipt)
        except errors.InvalidReceipt:
            continue
        db.execute(
            "UPDATE messages SET leased = 0, visible = ?, attempts = attempts - 1 WHERE id = ?",
            (now, number),
        )
        names.add(_name(db, queue))
    return names


def kill(db: sqlite3.Connection, request: wire.KillRequest, now: int) -> None:
    """A dead letter at once."""
    number, _, _ = _held(db, request.receipt)
    _bury(db, number, request.reason[: rules.MAX_REASON], now)


def dead_letters(
    db: sqlite3.Connection,
    request: wire.DeadLettersRequest,
    now: int,
    bounds: rules.Bounds,
    birth: str,
) -> list[wire.DeadMessage]:
    """A page of dead letters by number."""
    found = _queue(db, request.queue)
    if found is None:
        return []
    _bury_spent(db, found[0], now, bounds.max_attempts)
    after = message_number(request.page.token, birth) if request.page.token else 0
    room = bounds.max_answer_bytes
    listed: list[wire.DeadMessage] = []
    rows = db.execute(
        "SELECT id, attempts, enqueued, died, reason, body FROM dead WHERE queue = ? AND id > ?"
        " ORDER BY id LIMIT ?",
        (found[0], after or 0, rules.page_limit(request.page.limit)),
    )
    for number, attempts, enqueued, died, reason, body in rows:
        room -= len(body)
        if room < 0 and listed:
            break
        dead = wire.DeadMessage(
            id=message_id(number, birth),
            body=body,
            reason=reason,
            attempts=attempts,
            enqueued_at=moments.moment(enqueued),
            died_at=moments.moment(died),
        )
        listed.append(dead)
    rows.close()
    return listed


def redrive(
    db: sqlite3.Connection, request: wire.RedriveRequest, now: int, max_attempts: int, birth: str
) -> int:
    """Give dead letters all their attempts again; ids that are none are passed over."""
    found = _queue(db, request.queue)
    if found is None:
        return 0
    queue = found[0]
    _bury_spent(db, queue, now, max_attempts)
    moved = 0
    for text in request.ids:
        cursor = db.execute(
            "INSERT INTO messages (id, queue, visible, epoch, enqueued, body)"
            " SELECT id, queue, ?, epoch, ?, body FROM dead WHERE id = ? AND queue = ?",
            (now, now, message_number(text, birth), queue),
        )
        if cursor.rowcount:
            db.execute("DELETE FROM dead WHERE id = ?", (message_number(text, birth),))
            moved += 1
    _count(db, queue, live=moved, dead=-moved)
    return moved


def purge(db: sqlite3.Connection, request: wire.QueueRequest, now: int, max_attempts: int) -> int:
    """Remove the dead letters of a queue."""
    found = _queue(db, request.queue)
    if found is None:
        return 0
    _bury_spent(db, found[0], now, max_attempts)
    removed = db.execute("DELETE FROM dead WHERE queue = ?", (found[0],)).rowcount
    _count(db, found[0], dead=-removed)
    return removed


def stats(
    db: sqlite3.Connection, request: wire.QueueRequest, now: int, max_attempts: int
) -> wire.StatsResponse:
    """What is in a queue now; delayed messages are neither visible nor leased."""
    found = _queue(db, request.queue)
    if found is None:
        return wire.StatsResponse()
    queue, _, dead = found
    (leased,) = db.execute(
        "SELECT count(*) FROM messages WHERE queue = ? AND visible > ? AND leased = 1",
        (queue, now),
    ).fetchone()
    visible, oldest, spent = db.execute(
        "SELECT count(*), min(visible), coalesce(sum(leased = 1 AND attempts >= ?), 0)"
        " FROM messages WHERE queue = ? AND visible <= ?",
        (max_attempts, queue, now),
    ).fetchone()
    return wire.StatsResponse(
        visible=visible - spent,
        leased=leased,
        dead=dead + spent,
        oldest_visible_age_nanos=now - oldest if visible > spent else 0,
    )


def counts(db: sqlite3.Connection) -> tuple[int, int, int]:
    """How many queues, messages and dead letters there are."""
    queues, live, dead = db.execute(
        "SELECT count(*), coalesce(sum(live), 0), coalesce(sum(dead), 0) FROM queues"
    ).fetchone()
    return int(queues), int(live), int(dead)


def message_id(number: int, birth: str) -> str:
    """A message's id outside: numbers begin anew with a new file, ids must not."""
    return f"{birth}-{number}"


def message_number(text: str, birth: str) -> int | None:
    """The number in an id of this file."""
    mark, _, number = text.partition("-")
    is_ours = mark == birth and number.isascii() and number.isdigit() and len(number) < 19
    return int(number) if is_ours else None


def _visible(
    db: sqlite3.Connection, queue: int, now: int, limit: int
) -> list[tuple[int, int, int, int]]:
    return db.execute(
        "SELECT id, attempts, epoch, length(body) FROM messages WHERE queue = ? AND visible <= ?"
        " ORDER BY visible, id LIMIT ?",
        (queue, now, limit),
    ).fetchall()


def _leased(
    db: sqlite3.Connection, number: int, attempts: int, epoch: int, until: int, birth: str
) -> wire.LeasedMessage:
    body, enqueued = db.execute(
        "UPDATE messages SET leased = 1, visible = ?, attempts = attempts + 1, epoch = epoch + 1"
        " WHERE id = ? RETURNING body, enqueued",
        (until, number),
    ).fetchone()
    return wire.LeasedMessage(
        id=message_id(number, birth),
        receipt=rules.receipt(number, epoch + 1, enqueued // 1000),
        body=body,
        attempts=attempts + 1,
    )


def _next_visible(db: sqlite3.Connection, queue: int) -> int | None:
    (moment,) = db.execute("SELECT min(visible) FROM messages WHERE queue = ?", (queue,)).fetchone()
    return None if moment is None else int(moment)


def _held(db: sqlite3.Connection, receipt: str) -> tuple[int, int, int]:
    """Number, queue and attempts of the message that a receipt is good for."""
    number, epoch, micros = rules.parse_receipt(receipt)
    row = db.execute(
        "SELECT queue, attempts FROM messages WHERE id = ? AND epoch = ? AND enqueued / 1000 = ?"
        " AND leased = 1",
        (number, epoch, micros),
    ).fetchone()
    if row is None:
        raise errors.InvalidReceipt(
            "the receipt is stale: its lease ended and the message went on, or it is settled"
        )
    return number, row[0], row[1]


def _bury(db: sqlite3.Connection, number: int, reason: str, now: int) -> None:
    db.execute(
        "INSERT INTO dead (id, queue, epoch, attempts, enqueued, died, reason, body)"
        " SELECT id, queue, epoch, attempts, enqueued, ?, ?, body FROM messages WHERE id = ?",
        (now, reason, number),
    )
    (queue,) = db.execute("DELETE FROM messages WHERE id = ? RETURNING queue", (number,)).fetchone()
    _count(db, queue, live=-1, dead=1)


def _bury_spent(db: sqlite3.Connection, queue: int, now: int, max_attempts: int) -> None:
    rows = db.execute(
        "SELECT id FROM messages WHERE queue = ? AND visible <= ? AND leased = 1 AND attempts >= ?",
        (queue, now, max_attempts),
    ).fetchall()
    for (number,) in rows:
        _bury(db, number, EXPIRED, now)


def _queue(db: sqlite3.Connection, name: str) -> tuple[int, int, int] | None:
    """Row id, messages, dead letters."""
    row = db.execute("SELECT id, live, dead FROM queues WHERE name = ?", (name,)).fetchone()
    return None if row is None else (row[0], row[1], row[2])


def _name(db: sqlite3.Connection, queue: int) -> str:
    (name,) = db.execute("SELECT name FROM queues WHERE id = ?", (queue,)).fetchone()
    return str(name)


def _count(db: sqlite3.Connection, queue: int, *, live: int = 0, dead: int = 0) -> None:
    db.execute(
        "UPDATE queues SET live = live + ?, dead = dead + ? WHERE id = ?", (live, dead, queue)
    )
