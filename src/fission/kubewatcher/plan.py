"""What a trigger's function has to be told. Pure.

``Known`` is what the function has been told of, object by object: it grows with every event that
was handed over, and nothing else. Against it each thing that the API says is weighed: a watch event
of a version that was told already is no news, and a list gives ADDED, MODIFIED and DELETED for what
differs. Names stand for objects, as all are of one kind and namespace.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from fission.api import labels, resources
from fission.meta import gvk

Obj = dict[str, Any]

ADDED: Final = "ADDED"
MODIFIED: Final = "MODIFIED"
DELETED: Final = "DELETED"
COMPONENT: Final = "kubewatcher"


class Seen(NamedTuple):
    """Which object, and which state of it."""

    uid: str
    version: str


Known = dict[str, Seen]
"""By name."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it is handed over."""

    type: str
    name: str
    seen: Seen
    resource_version: str
    body: bytes
    is_partial: bool = False
    """The object is gone: its body is what was remembered of it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An object of a list."""

    event: Event


@dataclass(frozen=True, slots=True)
class Complete:
    """The end of a list: all names, and the version that a watch continues from."""

    names: frozenset[str]
    resource_version: str


@dataclass(frozen=True, slots=True)
class Passed:
    """Up to here there is nothing to tell."""

    resource_version: str


Item = Event | Listed | Complete | Passed


def make_event(type_: str, obj: Obj) -> Event:
    """The event of a watched or listed object, its body indented as Fission's is."""
    metadata = obj["metadata"]
    return Event(
        type_,
        str(metadata.get("name", "")),
        Seen(str(metadata.get("uid", "")), version_of(obj)),
        str(metadata.get("resourceVersion", "")),
        json.dumps(obj, indent=4, ensure_ascii=False).encode(),
    )


def make_gone(resource: gvk.Resource, namespace: str, name: str, seen: Seen) -> Event:
    """The deletion of an object that nobody can show any more."""
    metadata = {"name": name, "namespace": namespace, "uid": seen.uid}
    obj = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata}
    body = json.dumps(obj, indent=4).encode()
    return Event(DELETED, name, seen, "", body, is_partial=True)


def version_of(obj: Obj) -> str:
    """What tells two states of an object apart: its resourceVersion.

    Of our own triggers it is the generation: a delivery writes their status, and to be called for
    that would never end.
    """
    metadata = obj["metadata"]
    if obj.get("kind") == resources.KUBERNETESWATCHTRIGGERS.kind:
        return f"generation {metadata.get('generation', '')}"
    return str(metadata.get("resourceVersion", ""))


def is_own(obj: Obj) -> bool:
    """Whether an object changes because events are delivered: a journal, an Event of ours."""
    if labels.WATCH_JOURNAL in (obj["metadata"].get("labels") or {}):
        return True
    source = (obj.get("source") or {}).get("component") or obj.get("reportingComponent")
    return obj.get("kind") == gvk.EVENTS.kind and source == COMPONENT


def is_news(known: Mapping[str, Seen], event: Event) -> bool:
    """Whether a watch event says anything that was not told already."""
    return event.type == DELETED or known.get(event.name) != event.seen


def differences(
    known: Mapping[str, Seen], listed: Event, resource: gvk.Resource, namespace: str
) -> list[Event]:
    """What to tell of a listed object; another one under a known name is two events."""
    before = known.get(listed.name)
    if before == listed.seen:
        return []
    if before is None:
        return [_as(listed, ADDED)]
    if before.uid == listed.seen.uid:
        return [_as(listed, MODIFIED)]
    return [make_gone(resource, namespace, listed.name, before), _as(listed, ADDED)]


def vanished(
    known: Mapping[str, Seen], names: frozenset[str], resource: gvk.Resource, namespace: str
) -> list[Event]:
    """Deletions to tell of at the end of a list."""
    return [
        make_gone(resource, namespace, name, seen)
        for name, seen in known.items()
        if name not in names
    ]


def is_told(listed: Event, position: str) -> bool:
    """Whether a listed state is from before a position, so that it was told of.

    Only for who remembers no objects.
    """
    version = listed.resource_version
    return version.isdecimal() and position.isdecimal() and not is_later(version, position)


def is_later(version: str, other: str) -> bool:
    """Whether a version of a kind is known to be later than another: they compare as numbers."""
    return version.isdecimal() and other.isdecimal() and int(version) > int(other)


def note(known: Known, event: Event) -> None:
    """Remember that an event was told of."""
    if event.type != DELETED:
        known[event.name] = event.seen
    elif event.name in known and known[event.name].uid == event.seen.uid:
        del known[event.name]


def _as(listed: Event, type_: str) -> Event:
    return Event(type_, listed.name, listed.seen, listed.resource_version, listed.body)
