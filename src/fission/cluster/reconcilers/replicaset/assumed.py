"""Pods that were just written and are not to be seen in the informer yet. Pure.

Between a write and its watch event the informer's list is too old to count by. So what the server
answered is kept here and laid over the list: pods created, pods told to go. An entry ends with the
first watch event about its uid, or, should the event have come before the answer, with its time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fission.cluster.reconcilers import podfacts
from fission.meta import objectmeta

Obj = dict[str, Any]

LIFETIME_SECONDS = 30.0
"""Far above the delay of a watch event; only a lost race needs it."""


class Assumed:
    """The overlay of all ReplicaSets."""

    def __init__(self) -> None:
        self._created: dict[str, tuple[float, str, Obj]] = {}
        self._deleted: dict[str, float] = {}

    def created(self, owner_uid: str, pod: Obj, now: float) -> None:
        """A pod was created; the caller knows that the informer has not shown it."""
        self._created[objectmeta.uid_of(pod)] = (now + LIFETIME_SECONDS, owner_uid, pod)

    def deleted(self, pod_uid: str, now: float) -> None:
        """A pod was told to go."""
        self._deleted[pod_uid] = now + LIFETIME_SECONDS

    def forget(self, pod_uid: str) -> None:
        """The pod could not be told to go."""
        self._deleted.pop(pod_uid, None)

    def seen(self, old: Obj | None, new: Obj | None) -> None:
        """A watch event came: what it shows needs no assumption."""
        shown = new or old or {}
        uid = objectmeta.uid_of(shown)
        self._created.pop(uid, None)
        if new is None or not podfacts.is_active(new):
            self._deleted.pop(uid, None)

    def overlay(self, owner_uid: str, pods: Iterable[Obj], now: float) -> list[Obj]:
        """The pods as they will be seen in a moment."""
        self._expire(now)
        seen = {objectmeta.uid_of(pod): pod for pod in pods}
        for uid, (_, owner, pod) in self._created.items():
            if owner == owner_uid:
                seen.setdefault(uid, pod)
        return [
            _going(pod) if uid in self._deleted and podfacts.is_active(pod) else pod
            for uid, pod in seen.items()
        ]

    def _expire(self, now: float) -> None:
        for uid in [uid for uid, entry in self._created.items() if entry[0] <= now]:
            del self._created[uid]
        for uid in [uid for uid, until in self._deleted.items() if until <= now]:
            del self._deleted[uid]


def _going(pod: Obj) -> Obj:
    metadata = pod["metadata"]
    return {**pod, "metadata": {**metadata, "deletionTimestamp": metadata["creationTimestamp"]}}
