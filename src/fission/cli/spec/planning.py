"""From what is wanted and what is there to what is done, in which order. Pure.

Within a rank nothing depends on anything else of it. What is wanted is written before anything is
deleted, and deleting goes through the ranks backwards, so that no function is without its package
and no route without its function in between, wherever a run ends.
"""

import dataclasses
import enum
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from fission.api import reference_types
from fission.cli.spec import comparing, ownership

Obj = dict[str, Any]

RANKS: Final[tuple[tuple[str, ...], ...]] = (
    ("Environment",),
    ("Package",),
    ("Function",),
    ("HTTPTrigger", "KubernetesWatchTrigger", "TimeTrigger", "MessageQueueTrigger"),
    ("CanaryConfig",),
)
KINDS: Final = tuple(kind for rank in RANKS for kind in rank)
_RANK_OF: Final = {kind: number for number, rank in enumerate(RANKS) for kind in rank}


class Key(NamedTuple):
    """What an object is known by."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class Verb(enum.Enum):
    """What is done to an object."""

    CREATE = "created"
    UPDATE = "updated"
    DELETE = "deleted"


@dataclasses.dataclass(frozen=True)
class Wanted:
    """An object as the files want it."""

    key: Key
    obj: Obj
    """In wire form, to be created as it is; owned by the application."""
    decoded: Any
    """Of ``comparing.decode``."""


@dataclasses.dataclass(frozen=True)
class Step:
    """One object that is written or deleted."""

    verb: Verb
    key: Key
    wanted: Wanted | None = None
    live: Obj | None = None
    changes: Sequence[comparing.Change] = ()
    moved_weights: bool = False
    """A CanaryConfig moves the trigger's weights, so they stay as they are."""
    package: Key | None = None
    """Of a Function: the package whose resourceVersion, as written, it is pointed at."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that is to be done."""

    ranks: Sequence[Sequence[Step]] = ()
    """One after the other; the steps of one in any order."""
    conflicts: Sequence[Key] = ()
    """Objects that are wanted and belong to somebody else."""
    owners: Mapping[Key, str] = dataclasses.field(default_factory=dict)
    """Who that is: the name or uid of another application; empty: nobody's."""
    unchanged: Sequence[Key] = ()
    kept: Sequence[Key] = ()
    """Objects with the application's uid in namespaces that are not cleared up."""
    misnamed: Sequence[Key] = ()
    """Objects with the application's uid and another application's name, which stay, too."""
    is_partial: bool = False
    """Something was held back, so this is not all."""

    @property
    def steps(self) -> list[Step]:
        """All steps in order."""
        return [step for rank in self.ranks for step in rank]


def key_of(obj: Obj) -> Key:
    """What an object is known by."""
    metadata = obj["metadata"]
    return Key(obj["kind"], str(metadata.get("namespace", "")), str(metadata.get("name", "")))


def make_plan(
    wanted: Iterable[Wanted],
    live: Mapping[Key, Obj],
    uid: str,
    *,
    delete: bool = False,
    allow_conflicts: bool = False,
    name: str = "",
    namespaces: Collection[str] | None = None,
) -> Plan:
    """Compare and order. ``live`` holds at least every object that is wanted and exists.

    Deleted is what has the uid and is not wanted, in ``namespaces`` if they are given. What has
    another application's ``name``, where that is given, stays: its uid was copied.
    """
    chosen = {each.key: each for each in wanted}
    moving = _moved_triggers(chosen, live)
    owners = {
        key: ownership.name_of(live[key]) or ownership.uid_of(live[key])
        for key in chosen
        if key in live and ownership.uid_of(live[key]) != uid
    }
    writes: list[list[Step]] = [[] for _ in RANKS]
    unchanged: list[Key] = []
    reloaded: set[Key] = set()
    for key in sorted(chosen, key=lambda key: (_RANK_OF[key.kind], key)):
        if key in owners and not allow_conflicts:
            continue
        step = _step(chosen[key], live.get(key), key in moving, reloaded)
        if step is None:
            unchanged.append(key)
            continue
        writes[_RANK_OF[key.kind]].append(step)
        if key.kind == "Package" and is_loaded_at_once(step):
            reloaded.add(key)
    gone = [
        key
        for key, obj in sorted(live.items() if delete else ())
        if key not in chosen and ownership.uid_of(obj) == uid and not _is_deleting(obj)
    ]
    kept = [key for key in gone if namespaces is not None and key.namespace not in namespaces]
    misnamed = [
        key
        for key in gone
        if name and not allow_conflicts and ownership.name_of(live[key]) not in ("", name)
    ]
    deletes: list[list[Step]] = [[] for _ in RANKS]
    for key in gone:
        if key not in kept and key not in misnamed:
            deletes[_RANK_OF[key.kind]].append(Step(Verb.DELETE, key, live=live[key]))
    ranks = [rank for rank in (*writes, *reversed(deletes)) if rank]
    conflicts = () if allow_conflicts else tuple(sorted(owners))
    return Plan(ranks, conflicts, owners, tuple(unchanged), tuple(kept), tuple(misnamed))


def package_of(decoded: Any) -> Key | None:
    """The package that a decoded Function loads."""
    reference = decoded.spec.package.package_ref
    if not reference.name:
        return None
    return Key("Package", reference.namespace or decoded.metadata.namespace, reference.name)


def _step(wanted: Wanted, live: Obj | None, moved_weights: bool, reloaded: set[Key]) -> Step | None:
    package = package_of(wanted.decoded) if wanted.key.kind == "Function" else None
    if live is None:
        return Step(Verb.CREATE, wanted.key, wanted, package=package)
    target = comparing.merged(live, wanted.decoded, moved_weights=moved_weights)
    changes = comparing.differences(live, target)
    has_new_code = package is not None and package in reloaded
    if has_new_code:
        path = "spec.package.packageref.resourceversion"
        changes = [each for each in changes if each.path != path]
        changes.append(comparing.Change(path, None, "(that of the new code)"))
    if not changes:
        return None
    is_pointed_elsewhere = any(each.path.startswith("spec.package.packageref") for each in changes)
    return Step(
        Verb.UPDATE,
        wanted.key,
        wanted,
        live,
        changes,
        moved_weights,
        package if is_pointed_elsewhere else None,
    )


def is_loaded_at_once(step: Step) -> bool:
    """Whether functions run what the package has then, and do not wait for a build."""
    assert step.wanted is not None
    spec = step.wanted.decoded.spec
    if not spec.source.is_empty() and spec.deployment.is_empty():
        return False
    return step.verb is Verb.CREATE or any(
        each.path.startswith("spec.deployment") for each in step.changes
    )


def _moved_triggers(chosen: Mapping[Key, Wanted], live: Mapping[Key, Obj]) -> set[Key]:
    """Triggers whose weights a CanaryConfig moves."""
    named = {
        Key("HTTPTrigger", key.namespace, each.decoded.spec.trigger)
        for key, each in chosen.items()
        if key.kind == "CanaryConfig"
    }
    named |= {
        Key("HTTPTrigger", key.namespace, str(obj["spec"].get("trigger", "")))
        for key, obj in live.items()
        if key.kind == "CanaryConfig"
    }
    return named


def has_weights(wanted: Iterable[Wanted]) -> bool:
    """Whether a route leads to several functions, whose weights a CanaryConfig may move."""
    return any(
        each.key.kind == "HTTPTrigger"
        and each.decoded.spec.function_ref.type == reference_types.BY_WEIGHT
        for each in wanted
    )


def _is_deleting(obj: Obj) -> bool:
    return bool(obj["metadata"].get("deletionTimestamp"))
