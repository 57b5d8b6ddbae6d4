"""EndpointSlices of functions → the slots of each function. Pure.

Slices carry the labels functionName, functionNamespace, functionUid and, for pools,
`fission.io/function-generation`: only pods of the very function and generation count, so a function
that was replaced under its old name never gets requests meant for the new one. Functions with a
Service in front (`executorType` newdeploy or container) are rolled over behind it, so there every
ready pod of the executor type counts, whatever the generation. When the executor type changes, the
pods of the one before serve until the new one has some.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from fission.api import labels
from fission.meta import labels as label_rules
from fission.router import slots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Obj = dict[str, Any]
Uid = str


@dataclasses.dataclass(frozen=True)
class Shown:
    """What one EndpointSlice says."""

    uid: str
    generation: str
    namespace: str
    service: str
    executor_type: str
    addresses: frozenset[slots.Address]


PORT_NAME = "http-env"
SERVICE_NAME = "kubernetes.io/service-name"


def read_slice(wire: Obj) -> Shown:
    """The ready addresses of a slice and whose they are."""
    tags = label_rules.of(wire)
    port = _port(wire.get("ports") or [])
    addresses: set[slots.Address] = set()
    for endpoint in wire.get("endpoints") or []:
        conditions = endpoint.get("conditions") or {}
        if conditions.get("ready") is False or conditions.get("terminating") is True:
            continue
        if port is not None:
            addresses.update((str(each), port) for each in endpoint.get("addresses") or [])
    return Shown(
        uid=tags.get(labels.FUNCTION_UID, ""),
        generation=tags.get(labels.FUNCTION_GENERATION, ""),
        namespace=str(wire["metadata"].get("namespace", "")),
        service=tags.get(SERVICE_NAME, ""),
        executor_type=tags.get(labels.EXECUTOR_TYPE, "") or slots.POOLED,
        addresses=frozenset(addresses),
    )


def _port(ports: list[Obj]) -> int | None:
    numbers = {str(port.get("name") or ""): int(port["port"]) for port in ports if port.get("port")}
    return numbers.get(PORT_NAME) or next(iter(numbers.values()), None)


class EndpointIndex:
    """Every slice that is known, and the slots that live by them."""

    def __init__(self, bounds: slots.Bounds, now: Callable[[], float]) -> None:
        self._bounds = bounds
        self._now = now
        self._slices: dict[tuple[str, str], Shown] = {}
        self._by_uid: dict[Uid, set[tuple[str, str]]] = {}
        self._by_address: dict[slots.Address, set[tuple[str, str]]] = {}
        self._slots: dict[Uid, list[slots.Slots]] = {}

    def slots_of(
        self, uid: Uid, generation: int, executor_type: str, limit: float, pool_limit: float
    ) -> slots.Slots:
        """The slots of a function; the same ones for as long as they are kept.

        `pool_limit` is what holds for pods of a pool, if the function still has some from before.
        """
        generation = generation if executor_type == slots.POOLED else 0
        found = self._find(uid, executor_type, generation)
        if found is None:
            found = self._make(uid, executor_type, generation, limit)
        if not found.ready_count and found.previous is None:
            found.previous = self._before(uid, found, pool_limit)
        found.limit = limit
        return found

    def knows(self, uid: Uid) -> bool:
        """Whether there is anything that serves, or served, the function."""
        return uid in self._slots or uid in self._by_uid

    def of_function(self, uid: Uid) -> list[slots.Slots]:
        """All slots of a function, those of former generations and executor types too."""
        return self._slots.get(uid, [])

    def refused(self, address: slots.Address, now: float) -> None:
        """Nobody listens at an address that a slice shows, whoever's it is."""
        for uid in {self._slices[key].uid for key in self._by_address.get(address, ())}:
            for each in self._slots.get(uid, ()):
                each.refused_at(address, now)

    def keep_only(self, wanted: Iterable[slots.Slots], uids: set[Uid]) -> None:
        """Forget the rest, but for what still serves a function that exists: one of these uids."""
        kept = set(wanted)
        kept |= {each.previous for each in kept if each.previous is not None}
        for uid in list(self._slots):
            if uid not in uids:
                del self._slots[uid]
                continue
            found = self._slots[uid]
            if len(found) > 1 or found[0] not in kept:
                left = [each for each in found if each in kept or not each.is_idle]
                if left:
                    self._slots[uid] = left
                else:
                    del self._slots[uid]

    def changed(self, old: Obj | None, new: Obj | None) -> None:
        """A slice appeared, changed or went: an informer's handler."""
        wire = new if new is not None else old
        if wire is None:
            return
        key = (str(wire["metadata"].get("namespace", "")), str(wire["metadata"]["name"]))
        before = self._slices.pop(key, None)
        touched = {before.uid} if before is not None else set()
        if before is not None:
            _take_out(self._by_uid, before.uid, key)
            for address in before.addresses:
                _take_out(self._by_address, address, key)
        if new is not None:
            shown = self._slices[key] = read_slice(new)
            self._by_uid.setdefault(shown.uid, set()).add(key)
            for address in shown.addresses:
                self._by_address.setdefault(address, set()).add(key)
            touched.add(shown.uid)
        for uid in touched:
            for found in self._slots.get(uid, ()):
                found.show(self._addresses(uid, found), self._now())

    def of_service(self, namespace: str, service: str) -> list[slots.Address]:
        """Ready addresses behind a Service."""
        found: set[slots.Address] = set()
        for shown in self._slices.values():
            if shown.service == service and shown.namespace == namespace:
                found |= shown.addresses
        return sorted(found)

    def _find(self, uid: Uid, executor_type: str, generation: int) -> slots.Slots | None:
        for each in self._slots.get(uid, ()):
            if each.generation == generation and each.executor_type == executor_type:
                return each
        return None

    def _make(self, uid: Uid, executor_type: str, generation: int, limit: float) -> slots.Slots:
        made = slots.Slots(limit, self._bounds, executor_type, generation)
        made.show(self._addresses(uid, made), self._now())
        self._slots.setdefault(uid, []).append(made)
        return made

    def _before(self, uid: Uid, new: slots.Slots, pool_limit: float) -> slots.Slots | None:
        """Slots with pods of another executor type, as known here or as slices show."""
        for each in reversed(self._slots[uid]):
            if each.executor_type != new.executor_type and each.ready_count:
                return each
        for key in sorted(self._by_uid.get(uid, ()), reverse=True):
            shown = self._slices[key]
            if shown.executor_type == new.executor_type or not shown.addresses:
                continue
            pooled = shown.executor_type == slots.POOLED
            generation = int(shown.generation or 0) if pooled else 0
            if self._find(uid, shown.executor_type, generation) is None:
                limit = pool_limit if pooled else math.inf
                return self._make(uid, shown.executor_type, generation, limit)
        return None

    def _addresses(self, uid: Uid, wanted: slots.Slots) -> set[slots.Address]:
        found: set[slots.Address] = set()
        generations = ("", str(wanted.generation))
        for key in self._by_uid.get(uid, ()):
            shown = self._slices[key]
            if shown.executor_type == wanted.executor_type and (
                shown.executor_type != slots.POOLED or shown.generation in generations
            ):
                found |= shown.addresses
        return found


def _take_out(members: dict[Any, set[tuple[str, str]]], name: object, key: tuple[str, str]) -> None:
    left = members[name]
    left.discard(key)
    if not left:
        del members[name]
