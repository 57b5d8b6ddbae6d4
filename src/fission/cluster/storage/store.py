"""The store: what is current, atomic writes, lists at a revision, watches.

Everything here runs on one event loop and is therefore atomic between awaits. A write is decided
at once, upon the *staged* state (what is committed plus what is on its way to the log), gets its
revision, and is acknowledged after its commit. Readers see only what is committed. Order of
acknowledgement, of events and of revisions is the same.

List + watch never miss or repeat: both are views of the same committed revision, and a watch is
replay after its revision (from the ring of recent events, else from the log) joined to the live
fan-out before the loop can run anything else.
"""

from __future__ import annotations

import asyncio
import bisect
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from fission.cluster.storage import broadcast, errors, log, records

RECENT_EVENTS = 1024
RECENT_BYTES = 4 * 1024 * 1024
"""The ring that spares most resumed watches a read of the log."""

Decide = Callable[[records.Record | None], records.Change]
Listener = Callable[[records.Event], None]


class _Collection:
    """The committed objects of one resource, and their keys in order."""

    __slots__ = ("changed", "keys", "records")

    def __init__(self, changed: int) -> None:
        self.records: dict[tuple[str, str], records.Record] = {}
        self.keys: list[tuple[str, str]] = []
        self.changed = changed

    def put(self, record: records.Record) -> None:
        key = record.key[1:]
        if key not in self.records:
            bisect.insort(self.keys, key)
        self.records[key] = record

    def remove(self, key: records.Key) -> None:
        if self.records.pop(key[1:], None) is not None:
            del self.keys[bisect.bisect_left(self.keys, key[1:])]

    def select(self, namespace: str | None) -> Iterator[records.Record]:
        if namespace is None:
            for key in self.keys:
                yield self.records[key]
            return
        for position in range(bisect.bisect_left(self.keys, (namespace, "")), len(self.keys)):
            key = self.keys[position]
            if key[0] != namespace:
                return
            yield self.records[key]


class Store:
    """One folder's log. ``await Store.open(folder)``, and ``await close()`` at the end."""

    def __init__(self, folder: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._log = log.Log(folder, self._loop.call_soon_threadsafe)
        self._collections: dict[str, _Collection] = {}
        self._staged: dict[records.Key, tuple[records.Record | None, asyncio.Future[None]]] = {}
        self._recent: deque[records.Event] = deque()
        self._recent_bytes = 0
        self._broadcaster = broadcast.Broadcaster()
        self._listeners: list[tuple[str, Listener]] = []
        self._epoch = 0
        self._revision = 0
        self._next = 0
        self._start = 0
        self._ring_floor = 0
        self._compacted = 0
        self._gaps: list[tuple[int, int]] = []

    @classmethod
    async def open(cls, folder: Path) -> Store:
        """Raises ``StoreLocked`` when another process has it open."""
        store = cls(folder)
        opened = await asyncio.to_thread(store._log.open)
        store._revision = store._next = store._start = store._ring_floor = opened.revision
        for row in opened.rows:
            store._collection(row.resource).put(_record(row))
        store._compacted = opened.compacted
        store._gaps = opened.gaps
        return store

    async def close(self) -> None:
        """Commit what is pending and close the file."""
        await asyncio.to_thread(self._log.close)
        await asyncio.sleep(0)

    # --- reading ---

    @property
    def revision(self) -> int:
        """The newest committed revision."""
        return self._revision

    @property
    def compacted(self) -> int:
        return self._compacted

    @property
    def watchers(self) -> int:
        return self._broadcaster.count

    def get(self, key: records.Key) -> records.Record | None:
        collection = self._collections.get(key.resource)
        return collection.records.get(key[1:]) if collection else None

    def select(self, resource: str, namespace: str | None = None) -> list[records.Record]:
        """Committed objects, sorted by namespace and name."""
        collection = self._collections.get(resource)
        return list(collection.select(namespace)) if collection else []

    def count(self, resource: str) -> int:
        collection = self._collections.get(resource)
        return len(collection.records) if collection else 0

    def resources(self) -> list[str]:
        """Every resource that has, or has had, an object since the start."""
        return list(self._collections)

    def staged(self, key: records.Key) -> records.Record | None:
        """The object as the next write would find it."""
        pending = self._staged.get(key)
        return pending[0] if pending is not None else self.get(key)

    def select_staged(self, resource: str) -> list[records.Record]:
        """All objects as the next write would find them, in no particular order."""
        found = {record.key: record for record in self.select(resource)}
        for key, (record, _) in self._staged.items():
            if key.resource != resource:
                continue
            if record is None:
                found.pop(key, None)
            else:
                found[key] = record
        return list(found.values())

    async def list_at(
        self, resource: str, namespace: str | None, revision: int
    ) -> list[records.Record]:
        """The objects as they were; raises Compacted or FutureRevision."""
        self._check_revision(revision)
        if revision >= self._collection(resource).changed:
            return self.select(resource, namespace)
        rows = await asyncio.to_thread(self._log.snapshot, resource, namespace, revision)
        return [_record(row) for row in rows]

    def _check_revision(self, revision: int) -> None:
        if revision > self._revision:
            raise errors.FutureRevision(revision, self._revision)
        if revision < self._compacted:
            raise errors.Compacted(revision, self._compacted)
        for last, first in self._gaps:
            # The newest row before a gap may have been compacted away since.
            if max(last, self._compacted) < revision < first:
                raise errors.Compacted(revision, first)

    # --- writing ---

    async def write(
        self, key: records.Key, decide: Decide, *, durable: bool = True
    ) -> records.Written:
        """Decide upon the staged object and commit; what ``decide`` raises passes through.

        A Put equal to what is there changes nothing and gets no revision; it still waits until
        what it equals is committed. So does a refusal: who reads again then finds what it was
        refused for, and not the object before it.
        """
        current, pending = self.staged(key), self._staged.get(key)
        try:
            change = decide(current)
        except Exception:
            if pending is not None:
                await asyncio.shield(pending[1])
            raise
        unchanged = isinstance(change, records.Keep) or (
            current is not None
            and isinstance(change, records.Put)
            and change.value == current.value
        )
        if unchanged:
            if pending is not None:
                await asyncio.shield(pending[1])
            return records.Written(current, None)
        assert not isinstance(change, records.Keep)
        event = self._stage(key, current, change)
        committed = self._submit(event, current, durable)
        await asyncio.shield(committed)
        return records.Written(event.record, event)

    def _stage(
        self, key: records.Key, current: records.Record | None, change: records.Put | records.Delete
    ) -> records.Event:
        self._next += 1
        metadata = {**(change.value.get("metadata") or {}), "resourceVersion": str(self._next)}
        value = {**change.value, "metadata": metadata}
        record = records.Record(key, self._next, value, orjson.dumps(value))
        previous = current.value if current else None
        if isinstance(change, records.Delete):
            return records.Event("DELETED", record, previous)
        return records.Event("MODIFIED" if current else "ADDED", record, previous)

    def _submit(
        self, event: records.Event, current: records.Record | None, durable: bool
    ) -> asyncio.Future[None]:
        record, key = event.record, event.record.key
        verb = {"ADDED": log.CREATED, "MODIFIED": log.MODIFIED, "DELETED": log.DELETED}[event.type]
        previous = current.revision if current else 0
        row = log.Row(record.revision, *key, verb, previous, record.data)
        committed: asyncio.Future[None] = self._loop.create_future()
        committed.add_done_callback(_retrieve)

        def done() -> None:
            self._publish(event, committed)

        epoch = self._epoch

        def failed(error: Exception) -> None:
            self._forget(epoch, error, committed)

        self._log.submit(epoch, row, durable, done, failed)
        self._staged[key] = (None if event.type == "DELETED" else record, committed)
        return committed

    def _publish(self, event: records.Event, committed: asyncio.Future[None]) -> None:
        record = event.record
        collection = self._collection(record.key.resource)
        if event.type == "DELETED":
            collection.remove(record.key)
        else:
            collection.put(record)
        collection.changed = self._revision = record.revision
        pending = self._staged.get(record.key)
        if pending is not None and pending[1] is committed:
            del self._staged[record.key]
        self._remember(event)
        self._broadcaster.publish(event)
        for resource, listener in tuple(self._listeners):
            if resource in ("", record.key.resource):
                listener(event)
        committed.set_result(None)

    def _forget(self, epoch: int, error: Exception, committed: asyncio.Future[None]) -> None:
        """Take back a write that failed, and with it all that was decided upon it."""
        if epoch == self._epoch:
            self._epoch += 1
            self._staged.clear()
        committed.set_exception(error)

    def _remember(self, event: records.Event) -> None:
        self._recent.append(event)
        self._recent_bytes += len(event.record.data)
        while len(self._recent) > RECENT_EVENTS or self._recent_bytes > RECENT_BYTES:
            oldest = self._recent.popleft()
            self._recent_bytes -= len(oldest.record.data)
            self._ring_floor = oldest.revision

    def _collection(self, resource: str) -> _Collection:
        found = self._collections.get(resource)
        if found is None:
            found = self._collections[resource] = _Collection(self._start)
        return found

    # --- watching ---

    def listen(self, resource: str, listener: Listener) -> Callable[[], None]:
        """Call back on every commit (resource "" = all), before the writer is acknowledged."""
        entry = (resource, listener)
        self._listeners.append(entry)
        return lambda: self._listeners.remove(entry) if entry in self._listeners else None

    async def watch(
        self,
        resource: str,
        namespace: str | None,
        after: int | None = None,
        max_pending_events: int = broadcast.MAX_PENDING_EVENTS,
    ) -> broadcast.Watcher:
        """Every event after that revision (None: from now on). Raises Compacted.

        A future revision is taken at its word: nothing is delivered until it is passed.
        """
        current = self._revision
        start = current if after is None else after
        watcher = broadcast.Watcher(
            self._broadcaster, resource, namespace, start, max_pending_events
        )
        if start >= current:
            self._broadcaster.add(watcher)
            return watcher
        self._check_revision(start)
        self._broadcaster.add(watcher)
        if start >= self._ring_floor:
            replay = [
                event
                for event in self._recent
                if event.revision > start
                and event.record.key.resource == resource
                and (namespace is None or event.record.key.namespace == namespace)
            ]
            watcher.release(replay)
            return watcher
        watcher.hold()
        try:
            rows = await asyncio.to_thread(self._log.history, resource, namespace, start, current)
        except BaseException:
            watcher.close()
            raise
        watcher.release(_event(row) for row in rows)
        return watcher

    # --- compaction ---

    async def compact(self, revision: int) -> None:
        """Forget history up to that revision; watches from before it get Compacted."""
        revision = min(revision, self._revision)
        if revision <= self._compacted:
            return
        self._compacted = revision
        finished: asyncio.Future[None] = self._loop.create_future()
        self._log.compact(revision, lambda: finished.set_result(None))
        await finished

    async def row_count(self) -> int:
        """How many rows the log holds, history included."""
        return await asyncio.to_thread(self._log.count)


def _retrieve(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()


def _record(row: log.Row) -> records.Record:
    key = records.Key(row.resource, row.namespace, row.name)
    return records.Record(key, row.id, orjson.loads(row.value), row.value)


def _event(history: log.HistoryRow) -> records.Event:
    row = history.row
    before = orjson.loads(history.previous_value) if history.previous_value else None
    kinds: dict[int, records.EventType] = {
        log.CREATED: "ADDED",
        log.MODIFIED: "MODIFIED",
        log.DELETED: "DELETED",
    }
    return records.Event(kinds[row.verb], _record(row), before)
