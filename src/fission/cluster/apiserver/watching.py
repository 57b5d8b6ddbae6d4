"""Watches: initial events, live events through selectors, bookmarks, the end.

One generator per watcher on the event loop; lines of plain watches are encoded once for all. The
queue behind it is bounded by the store: who reads too slowly gets a 410 event and the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from fission.base import clock
from fission.cluster.apiserver import kinds, listing, options, render
from fission.cluster.storage import broadcast, errors, records, store
from fission.meta import codec, status

BOOKMARK_SECONDS = 60.0
"""As upstream: about once a minute."""

DEFAULT_TIMEOUT_SECONDS = 1800.0
"""Upstream picks 30 to 60 minutes; clients resume."""

LAST_BOOKMARK_SECONDS = 2.0
"""So long before the end a last bookmark lets the client resume without a gap."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What one watch needs to run."""

    source: store.Store
    kind: kinds.Kind
    namespace: str | None
    asked: options.ListOptions
    renderer: render.Renderer
    time: clock.Clock


async def stream(watch: Watch) -> AsyncIterator[bytes]:
    """The lines of a watch, in chunks."""
    matches = listing.matcher(watch.kind, watch.asked)
    try:
        watcher, initial = await _start(watch)
    except errors.Compacted as error:
        yield error_line(status.Expired(str(error)))
        return
    try:
        if initial is not None:
            found = [r for r in initial if matches is None or matches(r.value)]
            if found:
                yield b"".join(_added(watch, record) for record in found)
            if watch.asked.send_initial_events:
                yield watch.renderer.bookmark(watcher.revision, ends_initial_events=True)
        async for chunk in _live(watch, watcher, matches):
            yield chunk
    except errors.Overrun:
        yield error_line(status.Expired("too old resource version: the watcher fell behind"))
    finally:
        watcher.close()


async def _start(
    watch: Watch,
) -> tuple[broadcast.Watcher, list[records.Record] | None]:
    """The watcher, and the objects to announce first. No await between the two."""
    asked, resource = watch.asked, watch.kind.storage_key
    announce = asked.send_initial_events
    if announce is None:
        announce = asked.resource_version in ("", "0")
    if announce or asked.resource_version in ("", "0"):
        watcher = await watch.source.watch(resource, watch.namespace, None)
        initial = watch.source.select(resource, watch.namespace) if announce else None
        return watcher, initial
    after = int(asked.resource_version)
    return await watch.source.watch(resource, watch.namespace, after), None


def _added(watch: Watch, record: records.Record) -> bytes:
    if watch.renderer.plain:
        return b'{"type":"ADDED","object":' + record.data + b"}\n"
    return watch.renderer.line("ADDED", record.value)


async def _live(
    watch: Watch, watcher: broadcast.Watcher, matches: listing.Matches | None
) -> AsyncIterator[bytes]:
    time, asked = watch.time, watch.asked
    end = time.monotonic() + (asked.timeout_seconds or DEFAULT_TIMEOUT_SECONDS)
    next_bookmark = min(
        time.monotonic() + BOOKMARK_SECONDS, max(end - LAST_BOOKMARK_SECONDS, time.monotonic())
    )
    bookmarks = asked.bookmarks and end - time.monotonic() > BOOKMARK_SECONDS
    while True:
        now = time.monotonic()
        if now >= end:
            return
        until = min(end, next_bookmark) if bookmarks else end
        events = await watcher.take(max(until - now, 0))
        if events:
            chunk = b"".join(_lines(watch, events, matches))
            if chunk:
                yield chunk
        elif bookmarks and time.monotonic() >= next_bookmark:
            yield watch.renderer.bookmark(max(watch.source.revision, watcher.revision))
            last = end - LAST_BOOKMARK_SECONDS
            soon = time.monotonic() + BOOKMARK_SECONDS
            next_bookmark = min(soon, last) if last > time.monotonic() else end + 1


def _lines(
    watch: Watch, events: Iterable[records.Event], matches: listing.Matches | None
) -> Iterable[bytes]:
    renderer = watch.renderer
    for event in events:
        if matches is None:
            value = event.record.value
            yield event.line if renderer.plain else renderer.line(event.type, value)
            continue
        decided = transition(event, matches)
        if decided is None:
            continue
        type_, value = decided
        if renderer.plain and type_ == event.type and value is event.record.value:
            yield event.line
        else:
            yield renderer.line(type_, value)


def transition(event: records.Event, matches: listing.Matches) -> tuple[str, dict[str, Any]] | None:
    """What an event means to a watcher with a selector; None: nothing.

    Who leaves the selection is DELETED, shown as before but with the new resourceVersion.
    """
    value, before = event.record.value, event.previous
    was = before is not None and matches(before)
    if event.type == "DELETED":
        return ("DELETED", value) if was or matches(value) else None
    if matches(value):
        return ("MODIFIED" if was else "ADDED"), value
    if not was or before is None:
        return None
    left = codec.deep_copy(before)
    left["metadata"]["resourceVersion"] = value["metadata"]["resourceVersion"]
    return "DELETED", left


def error_line(error: status.StatusError) -> bytes:
    """An ERROR event; the stream ends after it."""
    return codec.to_json({"type": "ERROR", "object": error.to_dict()}) + b"\n"
