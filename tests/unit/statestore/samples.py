"""A database in memory and a clock, for the rules of statestore."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from fission.contracts import statestore as wire
from fission.statestore import database, pairs, queues, rules, streams

T = TypeVar("T")

BIRTH = "here"
SECOND = wire.NANOS
START = 1_700_000_000 * SECOND
SCOPE = wire.Scope("default", "function/f", "state")


class World:
    """The rules with a moment that is moved by hand."""

    def __init__(self, bounds: rules.Bounds | None = None) -> None:
        self.bounds = bounds or rules.Bounds()
        self.db = database.connect(":memory:")
        database.prepare(self.db)
        self.now = START

    def wait(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    def write(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """As the writer does: what raises leaves nothing."""
        with database.Transaction(self.db):
            return database.attempt(self.db, lambda: run(self.db))

    def append(self, stream: str, *payloads: bytes, expected: int = wire.ANY) -> int:
        events = [wire.Event(type="text/plain", payload=each) for each in payloads]
        request = wire.AppendRequest(stream=stream, expected_seq=expected, events=events)
        return self.write(lambda db: streams.append(db, request, self.now, self.bounds)).head

    def read(self, stream: str, behind: int = 0, **more: int) -> wire.ReadResponse:
        request = wire.ReadRequest(stream=stream, from_seq=behind, **more)
        return streams.read(self.db, request, self.bounds.max_answer_bytes)

    def enqueue(self, queue: str, body: bytes, delay: float = 0, dedup: str = "") -> int:
        request = wire.EnqueueRequest(
            queue=queue, body=body, delay_nanos=round(delay * SECOND), dedup_key=dedup
        )
        most = self.bounds.max_queue_messages
        return self.write(lambda db: queues.enqueue(db, request, self.now, most))

    def lease(self, queue: str, n: int = 1, seconds: float = 10) -> list[wire.LeasedMessage]:
        return self.look(queue, n, seconds)[0]

    def look(
        self, queue: str, n: int = 1, seconds: float = 10
    ) -> tuple[list[wire.LeasedMessage], int | None]:
        request = wire.LeaseRequest(queue=queue, n=n, lease_for_nanos=round(seconds * SECOND))
        return self.write(lambda db: queues.lease(db, request, self.now, self.bounds, BIRTH))

    def ack(self, receipt: str) -> None:
        self.write(lambda db: queues.ack(db, receipt))

    def nack(self, receipt: str, after: float = 0) -> str:
        request = wire.NackRequest(receipt=receipt, retry_after_nanos=round(after * SECOND))
        most = self.bounds.max_attempts
        return self.write(lambda db: queues.nack(db, request, self.now, most))

    def kill(self, receipt: str, reason: str = "no") -> None:
        request = wire.KillRequest(receipt=receipt, reason=reason)
        self.write(lambda db: queues.kill(db, request, self.now))

    def dead(self, queue: str, token: str = "", limit: int = 0) -> list[wire.DeadMessage]:
        page = wire.Page(token=token, limit=limit)
        request = wire.DeadLettersRequest(queue=queue, page=page)
        return self.write(lambda db: queues.dead_letters(db, request, self.now, self.bounds, BIRTH))

    def redrive(self, queue: str, *ids: str) -> int:
        request = wire.RedriveRequest(queue=queue, ids=[*ids])
        most = self.bounds.max_attempts
        return self.write(lambda db: queues.redrive(db, request, self.now, most, BIRTH))

    def purge(self, queue: str) -> int:
        request = wire.QueueRequest(queue=queue)
        most = self.bounds.max_attempts
        return self.write(lambda db: queues.purge(db, request, self.now, most))

    def stats(self, queue: str) -> wire.StatsResponse:
        request = wire.QueueRequest(queue=queue)
        return queues.stats(self.db, request, self.now, self.bounds.max_attempts)

    def set(
        self,
        key: str,
        value: bytes = b"",
        version: int | None = None,
        ttl: float = 0,
        max_keys: int = 0,
    ) -> None:
        request = wire.SetRequest(
            scope=SCOPE,
            key=key,
            value=value,
            if_version=version,
            ttl_nanos=round(ttl * SECOND),
            max_keys=max_keys,
        )
        self.write(lambda db: pairs.set_(db, request, self.now))

    def get(self, key: str) -> tuple[bytes, int]:
        found = pairs.get(self.db, wire.GetRequest(scope=SCOPE, key=key), self.now)
        return found.value, found.version

    def delete(self, key: str, version: int = 0) -> None:
        request = wire.DeleteRequest(scope=SCOPE, key=key, if_version=version)
        self.write(lambda db: pairs.delete(db, request, self.now))

    def keys(self, prefix: str = "", token: str = "", limit: int = 0) -> tuple[list[str], str]:
        page = wire.Page(token=token, limit=limit)
        request = wire.ListRequest(scope=SCOPE, prefix=prefix, page=page)
        found = pairs.list_(self.db, request, self.now)
        return found.keys, found.next
