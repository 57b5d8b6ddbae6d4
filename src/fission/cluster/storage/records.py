"""Keys, records and events: the values that the store is made of. Immutable; never change them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Value = dict[str, Any]
EventType = Literal["ADDED", "MODIFIED", "DELETED"]


class Key(NamedTuple):
    """Where an object lives. Sorting keys sorts a list as Kubernetes does."""

    resource: str
    """``pods`` or ``deployments.apps``: independent of the version."""
    namespace: str
    """Empty for cluster-scoped objects."""
    name: str


@dataclass(frozen=True, slots=True)
class Record:
    """One object at one revision, decoded and encoded."""

    key: Key
    revision: int
    value: Value
    data: bytes


@dataclass(slots=True)
class Event:
    """One row of the log, as watchers see it."""

    type: EventType
    record: Record
    previous: Value | None
    """The object before; None for ADDED. Selectors need it: who left the selection?"""
    _line: bytes | None = None

    @property
    def revision(self) -> int:
        return self.record.revision

    @property
    def line(self) -> bytes:
        """The watch line, encoded once for all watchers."""
        if self._line is None:
            head = b'{"type":"' + self.type.encode() + b'","object":'
            self._line = head + self.record.data + b"}\n"
        return self._line


@dataclass(frozen=True, slots=True)
class Put:
    """Store this value; the store stamps ``metadata.resourceVersion``."""

    value: Value


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the object; ``value`` is its last state, which watchers see."""

    value: Value


@dataclass(frozen=True, slots=True)
class Keep:
    """Change nothing."""


Change = Put | Delete | Keep


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of a write: the record, and the event it caused, if any."""

    record: Record | None
    event: Event | None
