"""The registry: which custom resources are served, and the life of their definitions.

It follows the definitions in the store, level-triggered: a change marks a name, one task works
through the marked names. Per definition: names are accepted unless another one has them, then it is
Established and served; a deletion first removes all its objects, then lets the definition go.

``served`` and ``get`` answer from memory. Schemas are compiled once per generation of a definition.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from fission.base import clock
from fission.base import errors as base_errors
from fission.cluster.apiserver import hooks
from fission.cluster.apiserver.crd import definition, served
from fission.meta import conditions, gvk, status

FINALIZER = "customresourcecleanup.apiextensions.k8s.io"
RETRY_SECONDS = 1.0
"""How long a definition waits whose work failed or whose objects have finalizers of their own."""

_NAME_FIELDS = ("plural", "singular", "kind", "listKind")
_log = logging.getLogger(__name__)


class Registry:
    """Implements ``hooks.CustomResources``."""

    def __init__(self, system_clock: clock.Clock) -> None:
        self._clock = system_clock
        self._generation = 0
        self._served: dict[str, list[hooks.CustomResource]] = {}
        self._by_path: dict[tuple[str, str, str], hooks.CustomResource] = {}
        self._compiled: dict[str, tuple[str, Any]] = {}
        self._marked: set[str] = set()
        self._wake = asyncio.Event()

    @property
    def generation(self) -> int:
        return self._generation

    def served(self) -> Sequence[hooks.CustomResource]:
        return [resource for _, group in sorted(self._served.items()) for resource in group]

    def get(self, group: str, version: str, plural: str) -> hooks.CustomResource | None:
        return self._by_path.get((group, version, plural))

    def raw_schema(self, group: str, version: str, plural: str) -> dict[str, Any] | None:
        """The ``openAPIV3Schema`` as written: OpenAPI documents show it."""
        entry = self._compiled.get(f"{plural}.{group}")
        for found in entry[1]["versions"] if entry else ():
            if found["name"] == version:
                schema: dict[str, Any] = found["schema"]["openAPIV3Schema"]
                return schema
        return None

    def validate_definition(self, crd: hooks.Object, old: hooks.Object | None) -> hooks.Object:
        return definition.prepare(crd, old)

    def load(self, objects: hooks.Objects) -> None:
        """Serve what is Established already; a restart calls it before it listens."""
        for crd in objects.list(gvk.CRDS):
            self._serve(crd)

    async def run(self, objects: hooks.Objects) -> None:
        unsubscribe = objects.subscribe(gvk.CRDS, self._on_change)
        try:
            self.load(objects)
            self._marked |= {crd["metadata"]["name"] for crd in objects.list(gvk.CRDS)}
            self._wake.set()
            while True:
                await self._wake.wait()
                self._wake.clear()
                await self._work(objects)
        finally:
            unsubscribe()

    def _on_change(self, change: hooks.ChangeType, crd: hooks.Object) -> None:
        if change == "DELETED":
            self._withdraw(crd["metadata"]["name"])
        else:
            self._serve(crd)
        self._mark(crd["metadata"]["name"])

    def _mark(self, name: str) -> None:
        self._marked.add(name)
        self._wake.set()

    async def _work(self, objects: hooks.Objects) -> None:
        while self._marked:
            name = min(self._marked)
            self._marked.discard(name)
            try:
                again = await self._reconcile(objects, name)
            except status.NotFound:
                continue
            except (status.StatusError, base_errors.Error) as error:
                _log.warning("definition retried", extra={"name": name, "error": str(error)})
                again = True
            if again:
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._mark, name)

    async def _reconcile(self, objects: hooks.Objects, name: str) -> bool:
        """Bring one definition forward; tells whether to come back later."""
        crd = objects.get(gvk.CRDS, "", name)
        if crd is None:
            self._mark_rivals(objects, name)
            return False
        if crd["metadata"].get("deletionTimestamp"):
            return await self._clean_up(objects, crd)
        taken = self._taken_names(objects, crd)
        await objects.mutate(gvk.CRDS, "", name, lambda current: self._establish(current, taken))
        return False

    def _mark_rivals(self, objects: hooks.Objects, name: str) -> None:
        """A definition that went may have held names that others wait for."""
        group = name.partition(".")[2]
        for crd in objects.list(gvk.CRDS):
            waits = not conditions.is_true(_conditions(crd), "NamesAccepted")
            if crd["spec"].get("group") == group and waits:
                self._mark(crd["metadata"]["name"])

    def _taken_names(self, objects: hooks.Objects, crd: hooks.Object) -> set[str]:
        taken: set[str] = set()
        for other in objects.list(gvk.CRDS):
            if other["metadata"]["name"] == crd["metadata"]["name"]:
                continue
            if other["spec"].get("group") == crd["spec"]["group"]:
                accepted = (other.get("status") or {}).get("acceptedNames") or {}
                taken.update(_all_names(accepted))
        return taken

    def _establish(self, crd: hooks.Object, taken: set[str]) -> hooks.Object:
        """Conditions, accepted names and the finalizer as they should be."""
        now = self._clock.now()
        state = crd.setdefault("status", {})
        known = state["conditions"] = list(state.get("conditions") or ())
        names = crd["spec"]["names"]
        clashing = [name for name in _all_names(names) if name in taken]
        if clashing:
            message = ", ".join(f'"{name}" is already in use' for name in clashing)
            conditions.set_condition(
                known, "NamesAccepted", "False", _conflict_reason(names, clashing[0]), message, now
            )
            if conditions.get(known, "Established") is None:
                why = "not all names are accepted"
                conditions.set_condition(known, "Established", "False", "NotAccepted", why, now)
            return crd
        state["acceptedNames"] = dict(names)
        conditions.set_condition(
            known, "NamesAccepted", "True", "NoConflicts", "no conflicts found", now
        )
        if not conditions.is_true(known, "Established"):
            why = "the initial names have been accepted"
            conditions.set_condition(known, "Established", "True", "InitialNamesAccepted", why, now)
        finalizers = crd["metadata"].setdefault("finalizers", [])
        if FINALIZER not in finalizers:
            finalizers.append(FINALIZER)
        return crd

    async def _clean_up(self, objects: hooks.Objects, crd: hooks.Object) -> bool:
        """Delete the objects of a definition that goes; then drop the finalizer."""
        name = crd["metadata"]["name"]
        if FINALIZER not in (crd["metadata"].get("finalizers") or ()):
            return False
        resource = _storage_resource(crd)
        left = list(objects.list(resource))
        if left:
            await objects.mutate(gvk.CRDS, "", name, self._mark_terminating)
        for obj in left:
            metadata = obj["metadata"]
            if not metadata.get("deletionTimestamp"):
                await objects.delete(resource, metadata.get("namespace") or "", metadata["name"])
        if objects.list(resource):
            return True
        await objects.mutate(gvk.CRDS, "", name, _drop_finalizer)
        return False

    def _mark_terminating(self, crd: hooks.Object) -> hooks.Object:
        state = crd.setdefault("status", {})
        known = state["conditions"] = list(state.get("conditions") or ())
        conditions.set_condition(
            known,
            "Terminating",
            "True",
            "InstanceDeletionInProgress",
            "CustomResource deletion is in progress",
            self._clock.now(),
        )
        return crd

    def _serve(self, crd: hooks.Object) -> None:
        """Serve the definition if it is Established and was not compiled in this form before."""
        name = crd["metadata"]["name"]
        if not conditions.is_true(_conditions(crd), "Established"):
            self._withdraw(name)
            return
        uid, spec = crd["metadata"].get("uid", ""), crd["spec"]
        if self._compiled.get(name) == (uid, spec):
            return
        try:
            resources = served.make_resources(crd)
        except Exception:
            _log.exception("definition not served", extra={"name": name})
            self._withdraw(name)
            return
        self._withdraw(name)
        self._compiled[name] = uid, spec
        self._served[name] = resources
        for resource in resources:
            self._by_path[_path(resource)] = resource
        self._generation += 1

    def _withdraw(self, name: str) -> None:
        if name not in self._compiled:
            return
        del self._compiled[name]
        for resource in self._served.pop(name):
            self._by_path.pop(_path(resource), None)
        self._generation += 1


def _path(resource: hooks.CustomResource) -> tuple[str, str, str]:
    return resource.resource.group, resource.resource.version, resource.resource.plural


def _conditions(crd: hooks.Object) -> list[conditions.Condition]:
    return (crd.get("status") or {}).get("conditions") or []


def _all_names(names: dict[str, Any]) -> Iterator[str]:
    for field in _NAME_FIELDS:
        if names.get(field):
            yield str(names[field])
    yield from names.get("shortNames") or ()


def _conflict_reason(names: dict[str, Any], clashing: str) -> str:
    for field in _NAME_FIELDS:
        if names.get(field) == clashing:
            return f"{field[0].upper()}{field[1:]}Conflict"
    return "ShortNamesConflict"


def _drop_finalizer(crd: hooks.Object) -> hooks.Object:
    finalizers = [name for name in crd["metadata"].get("finalizers") or () if name != FINALIZER]
    crd["metadata"]["finalizers"] = finalizers
    return crd


def _storage_resource(crd: hooks.Object) -> gvk.Resource:
    spec, names = crd["spec"], crd["spec"]["names"]
    return gvk.Resource(
        group=spec["group"],
        version=definition.storage_version(crd),
        kind=names["kind"],
        plural=names["plural"],
        namespaced=spec.get("scope") == "Namespaced",
    )
