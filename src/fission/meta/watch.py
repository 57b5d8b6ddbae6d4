"""Watch lines ↔ events, and the rules of resuming a watch. No I/O.

A watch is one JSON object per line. ``Lines`` cuts a byte stream into events; ``Cursor`` holds
the resourceVersion to resume from and tells an expired watch (list again) from an ended one
(resume).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from fission.base import errors
from fission.meta import codec, status

EventType = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
INITIAL_EVENTS_END = "k8s.io/initial-events-end"
"""Annotation of the bookmark that ends the initial events of a streaming list."""

MAX_LINE_BYTES = 8 * 1024 * 1024
"""An object is at most 3 MiB when written; room for escapes and metadata."""


@dataclass(frozen=True, slots=True)
class WatchEvent:
    type: EventType
    object: dict[str, Any]

    @property
    def resource_version(self) -> str:
        return str((self.object.get("metadata") or {}).get("resourceVersion") or "")

    @property
    def ends_initial_events(self) -> bool:
        annotations = (self.object.get("metadata") or {}).get("annotations") or {}
        return self.type == "BOOKMARK" and annotations.get(INITIAL_EVENTS_END) == "true"


class LineTooLong(errors.Error):
    """A watch line exceeds the limit; the stream cannot be trusted."""

    reason = "LineTooLong"


def decode_line(line: bytes) -> WatchEvent:
    """One line as an event; raises ``codec.DecodeError``."""
    body = codec.from_json(line)
    if not isinstance(body, dict) or not isinstance(body.get("object"), dict):
        raise codec.DecodeError("a watch line must be an object with type and object")
    return WatchEvent(body["type"], body["object"])


def encode_line(event: WatchEvent) -> bytes:
    return codec.to_json({"type": event.type, "object": event.object}) + b"\n"


class Lines:
    """Cuts chunks of bytes into events; holds the unfinished rest."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._rest = bytearray()
        self._max_line_bytes = max_line_bytes

    def feed(self, chunk: bytes) -> Iterator[WatchEvent]:
        """Yield the events completed by ``chunk``."""
        self._rest += chunk
        if b"\n" not in chunk:
            if len(self._rest) > self._max_line_bytes:
                raise LineTooLong(f"watch line exceeds {self._max_line_bytes} bytes")
            return
        *complete, rest = bytes(self._rest).split(b"\n")
        self._rest = bytearray(rest)
        for line in complete:
            if line.strip():
                yield decode_line(line)


class Cursor:
    """Where to resume: moves with every event, raises what an ERROR event says."""

    def __init__(self, resource_version: str) -> None:
        self.resource_version = resource_version

    def observe(self, event: WatchEvent) -> None:
        """Take note of an event; raises ``status.Expired`` when the caller must list again."""
        if event.type == "ERROR":
            raise status.from_dict(event.object, int(event.object.get("code") or 500))
        if event.resource_version:
            self.resource_version = event.resource_version
