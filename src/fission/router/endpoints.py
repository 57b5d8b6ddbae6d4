"""EndpointSlices of functions → the slots of each function. Pure.

Slices carry the labels functionName, functionNamespace, functionUid and, for pools,
`fission.io/function-generation`: only pods of the very function and generation count, so a function
that was replaced under its old name never gets requests meant for the new one. Slices of a Service
are also found by its name, for functions that have a Service in front.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from fission.api import labels
from fission.meta import labels as label_rules
from fission.router import slots

if TYPE_CHECKING:
    from collections.abc import Callable

Obj = dict[str, Any]
Uid = str


@dataclasses.dataclass(frozen=True)
class Shown:
    """What one EndpointSlice says."""

    uid: str
    generation: str
    namespace: str
    service: str
    pooled: bool
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
        pooled=tags.get(labels.EXECUTOR_TYPE, "poolmgr") == "poolmgr",
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
        self._slots: dict[Uid, dict[int, slots.Slots]] = {}

    def slots_of(self, uid: Uid, generation: int, limit: float) -> slots.Slots:
        """The slots of a function at a generation; the same ones for as long as it is kept."""
        of_uid = self._slots.setdefault(uid, {})
        found = of_uid.get(generation)
        if found is None:
            found = of_uid[generation] = slots.Slots(limit, self._bounds)
            found.show(self._addresses(uid, generation), self._now())
        found.limit = limit
        return found

    def keep_only(self, wanted: set[tuple[Uid, int]]) -> None:
        """Forget the slots of functions that are gone; what runs on them finishes."""
        kept: dict[Uid, dict[int, slots.Slots]] = {}
        for uid, generation in wanted:
            found = self._slots.get(uid, {}).get(generation)
            if found is not None:
                kept.setdefault(uid, {})[generation] = found
        self._slots = kept

    def changed(self, old: Obj | None, new: Obj | None) -> None:
        """A slice appeared, changed or went: an informer's handler."""
        wire = new if new is not None else old
        if wire is None:
            return
        key = (str(wire["metadata"].get("namespace", "")), str(wire["metadata"]["name"]))
        before = self._slices.pop(key, None)
        touched = {before.uid} if before is not None else set()
        if before is not None:
            members = self._by_uid[before.uid]
            members.discard(key)
            if not members:
                del self._by_uid[before.uid]
        if new is not None:
            shown = self._slices[key] = read_slice(new)
            self._by_uid.setdefault(shown.uid, set()).add(key)
            touched.add(shown.uid)
        for uid in touched:
            for generation, found in self._slots.get(uid, {}).items():
                found.show(self._addresses(uid, generation), self._now())

    def of_service(self, namespace: str, service: str) -> list[slots.Address]:
        """Ready addresses behind a Service."""
        found: set[slots.Address] = set()
        for shown in self._slices.values():
            if shown.service == service and shown.namespace == namespace:
                found |= shown.addresses
        return sorted(found)

    def _addresses(self, uid: Uid, generation: int) -> set[slots.Address]:
        found: set[slots.Address] = set()
        for key in self._by_uid.get(uid, ()):
            shown = self._slices[key]
            if shown.pooled and shown.generation in ("", str(generation)):
                found |= shown.addresses
        return found
