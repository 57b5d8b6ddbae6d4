"""Who owns whom, and what follows from it. Pure.

``Graph`` is fed with every object of every kind, reduced to a ``Node``. ``judge`` says what is to
be done about one of them:

| The object                                              | Verdict                              |
|---------------------------------------------------------|--------------------------------------|
| has owners, and all of them have gone                   | ``Delete`` it                        |
| has owners, and some of them have gone                  | ``DropOwners``                       |
| has an owner that waits for it (foreground deletion)    | ``Delete`` it, foreground if it owns |
| is being deleted in the foreground, dependents are left | ``VisitDependents``                  |
| the same, no blocking dependent left                    | ``DropFinalizer`` foregroundDeletion |
| is being deleted and orphans its dependents             | ``Orphan`` them                      |
| the same, no dependent left                             | ``DropFinalizer`` orphan             |
| has an owner that was never seen                        | ``Verify`` that owner                |

"Gone" needs proof: a deletion that was seen, or a lookup (``gone``), since an owner may be of a
kind that is watched a moment later than its dependents.
"""

from __future__ import annotations

import collections
from dataclasses import dataclass
from typing import Any

from fission.meta import gvk, objectmeta

Obj = dict[str, Any]

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
MAX_GONE = 20_000
"""Uids of deleted objects that are remembered; one forgotten costs a lookup."""


@dataclass(frozen=True, slots=True)
class Owner:
    uid: str
    api_version: str
    kind: str
    name: str
    blocking: bool


@dataclass(frozen=True, slots=True)
class Node:
    """What the garbage collector keeps of an object."""

    resource: gvk.Resource
    namespace: str
    name: str
    uid: str
    resource_version: str
    owners: tuple[Owner, ...]
    finalizers: tuple[str, ...]
    deleting: bool


@dataclass(frozen=True, slots=True)
class Delete:
    node: Node
    propagation: str


@dataclass(frozen=True, slots=True)
class DropOwners:
    node: Node
    uids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VisitDependents:
    uids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DropFinalizer:
    node: Node
    finalizer: str


@dataclass(frozen=True, slots=True)
class Orphan:
    node: Node
    dependents: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Verify:
    node: Node
    owners: tuple[Owner, ...]


Verdict = Delete | DropOwners | VisitDependents | DropFinalizer | Orphan | Verify | None


def make_node(resource: gvk.Resource, obj: Obj) -> Node:
    """Reduce an object."""
    metadata = obj["metadata"]
    return Node(
        resource=resource,
        namespace=objectmeta.namespace_of(obj),
        name=objectmeta.name_of(obj),
        uid=objectmeta.uid_of(obj),
        resource_version=objectmeta.resource_version_of(obj),
        owners=tuple(
            Owner(
                uid=str(one.get("uid") or ""),
                api_version=str(one.get("apiVersion") or ""),
                kind=str(one.get("kind") or ""),
                name=str(one.get("name") or ""),
                blocking=bool(one.get("blockOwnerDeletion")),
            )
            for one in metadata.get("ownerReferences") or ()
        ),
        finalizers=tuple(metadata.get("finalizers") or ()),
        deleting=bool(metadata.get("deletionTimestamp")),
    )


class Graph:
    """All objects by uid, and the dependents of each."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._dependents: dict[str, set[str]] = {}
        self._gone: collections.OrderedDict[str, None] = collections.OrderedDict()

    def __len__(self) -> int:
        return len(self._nodes)

    def put(self, node: Node) -> list[str]:
        """Take note of an object; returns the uids that have to be judged."""
        known = self._nodes.get(node.uid)
        self._nodes[node.uid] = node
        if known is not None and _ties(known) == _ties(node):
            return []
        former = known.owners if known is not None else ()
        if known is not None:
            self._unlink(known)
        for owner in node.owners:
            self._dependents.setdefault(owner.uid, set()).add(node.uid)
        return [node.uid, *self._held(*former, *node.owners)]

    def drop(self, node: Node) -> list[str]:
        """Take note that an object has gone; returns the uids that have to be judged."""
        known = self._nodes.pop(node.uid, None)
        if known is not None:
            self._unlink(known)
        self.gone(node.uid)
        return [*sorted(self._dependents.get(node.uid, ())), *self._held(*node.owners)]

    def gone(self, uid: str) -> None:
        """There is proof that no object has this uid."""
        self._gone[uid] = None
        while len(self._gone) > MAX_GONE:
            self._gone.popitem(last=False)

    def node(self, uid: str) -> Node | None:
        return self._nodes.get(uid)

    def dependents(self, uid: str) -> list[Node]:
        return [self._nodes[one] for one in sorted(self._dependents.get(uid, ()))]

    def judge(self, uid: str) -> Verdict:
        """What is to be done about one object now."""
        node = self._nodes.get(uid)
        if node is None:
            return None
        if node.deleting:
            return self._judge_deleting(node)
        return self._judge_owned(node)

    def _judge_deleting(self, node: Node) -> Verdict:
        dependents = self.dependents(node.uid)
        if ORPHAN in node.finalizers:
            if dependents:
                return Orphan(node, tuple(dependents))
            return DropFinalizer(node, ORPHAN)
        if FOREGROUND in node.finalizers:
            if not any(_blocks(one, node.uid) for one in dependents):
                return DropFinalizer(node, FOREGROUND)
            left = tuple(one.uid for one in dependents if not one.deleting)
            return VisitDependents(left) if left else None
        return None

    def _judge_owned(self, node: Node) -> Verdict:
        if not node.owners:
            return None
        gone = [owner for owner in node.owners if owner.uid in self._gone]
        unseen = tuple(
            owner
            for owner in node.owners
            if owner.uid not in self._nodes and owner.uid not in self._gone
        )
        if unseen:
            return Verify(node, unseen)
        solid = [
            owner
            for owner in node.owners
            if owner.uid in self._nodes and not self._awaits(owner.uid)
        ]
        waiting = [owner for owner in node.owners if self._awaits(owner.uid)]
        if solid:
            if gone or waiting:
                return DropOwners(node, tuple(owner.uid for owner in [*gone, *waiting]))
            return None
        owns = bool(self._dependents.get(node.uid))
        return Delete(node, "Foreground" if waiting and owns else "Background")

    def _awaits(self, uid: str) -> bool:
        """Whether an object is being deleted and waits for its dependents to go first."""
        node = self._nodes.get(uid)
        return node is not None and node.deleting and FOREGROUND in node.finalizers

    def _held(self, *owners: Owner) -> list[str]:
        """Those owners whose own deletion waits for their dependents, each once."""
        uids = dict.fromkeys(owner.uid for owner in owners)
        held = (self._nodes.get(uid) for uid in uids)
        return [
            node.uid
            for node in held
            if node is not None and node.deleting and {FOREGROUND, ORPHAN} & set(node.finalizers)
        ]

    def _unlink(self, node: Node) -> None:
        for owner in node.owners:
            found = self._dependents.get(owner.uid)
            if found is not None:
                found.discard(node.uid)
                if not found:
                    del self._dependents[owner.uid]


def _ties(node: Node) -> tuple[object, ...]:
    """What of a node can change a verdict."""
    return node.owners, node.finalizers, node.deleting


def _blocks(dependent: Node, uid: str) -> bool:
    return any(owner.uid == uid and owner.blocking for owner in dependent.owners)
