"""What every kind has: the questions that the writes ask of a strategy, and usual answers."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fission.meta import gvk, names, status

Object = dict[str, Any]
Causes = list[status.Cause]


class Reader(Protocol):
    """Other objects, as committed."""

    def get(self, resource: gvk.Resource, namespace: str, name: str) -> Object | None: ...

    def list(self, resource: gvk.Resource, namespace: str | None = None) -> Sequence[Object]: ...

    def staged(self, resource: gvk.Resource) -> Sequence[Object]:
        """All, with what is being committed: for what must be given out once."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a strategy may look at besides the object."""

    objects: Reader
    now: Callable[[], datetime.datetime]
    new_suffix: Callable[[int], str]


class Strategy:
    """The rules of a kind without peculiarities."""

    has_status: bool = False
    """``/status`` exists: the main URL does not write status, ``/status`` writes nothing else."""
    has_generation: bool = False
    status_keeps_metadata: bool = True
    """A write of ``/status`` leaves metadata alone (Pods and Nodes let it through)."""
    durable: bool = True
    """False for what describes running processes: lost in a power cut together with them."""
    creates_on_update: bool = False
    unconditional_update: bool = True
    """PUT without resourceVersion is accepted."""
    delete_returns_object: bool = False
    deletes_collections: bool = True
    type_meta_in_lists: bool = False
    """Items of a list carry kind and apiVersion (custom resources)."""

    own_finalizers: tuple[str, ...] = ()
    """Set by DELETE: the server's own part must clean up before the object goes."""
    states_grace: bool = True
    """DELETE writes ``deletionGracePeriodSeconds`` also where it is 0."""

    def name_problems(self, name: str) -> list[str]:
        return names.subdomain_problems(name)

    def prepare_create(self, obj: Object, around: Surroundings) -> None:
        """Default a new object. Status given by the creator is dropped where ``/status`` is."""
        if self.has_status:
            obj.pop("status", None)
        self.default(obj)

    def prepare_update(self, obj: Object, old: Object, around: Surroundings) -> None:
        """Default a changed object; ``status`` is already the old one where ``/status`` is."""
        self.default(obj)

    def default(self, obj: Object) -> None:
        """Defaults that hold for creates and updates alike."""

    def admit(self, obj: Object, around: Surroundings) -> None:
        """Look at other objects before creating; raises ``status.Forbidden``."""

    def validate(self, obj: Object, around: Surroundings) -> Causes:
        return []

    def validate_update(self, obj: Object, old: Object, around: Surroundings) -> Causes:
        """On top of ``validate``: what may not change."""
        return []

    def allocate(self, obj: Object, old: Object | None, around: Surroundings) -> None:
        """Take what only one object may have, after validation; raises ``status.Invalid``."""

    def prepare_status(self, obj: Object, old: Object) -> None:
        """A write of ``/status``: ``obj`` has the old object with the new status."""

    def generation_changed(self, obj: Object, old: Object) -> bool:
        return obj.get("spec") != old.get("spec")

    terse_field_errors: bool = False
    """Upstream words the refusal of an unknown field selector in two ways."""

    def selectable_fields(self, obj: Object) -> Mapping[str, str]:
        """Fields besides metadata.name and metadata.namespace."""
        return {}

    def selectable_names(self) -> frozenset[str]:
        """Their names: a selector for another field is refused."""
        return frozenset(self.selectable_fields({}))

    def grace_period(self, obj: Object, asked: int | None) -> int:
        """Seconds between DELETE and the end; 0 = at once."""
        return 0

    def check_delete(self, obj: Object) -> None:
        """Raises ``status.Forbidden`` for what may not be deleted."""

    def is_finished(self, obj: Object) -> bool:
        """Nothing but finalizers and grace keeps a deleted object."""
        return True


def setdefaults(target: Object, defaults: Mapping[str, Any]) -> None:
    """Set what is absent; an empty string or null counts as absent."""
    for key, value in defaults.items():
        if target.get(key) in (None, ""):
            target[key] = value


def child(obj: Object, key: str) -> Object:
    """``obj[key]``, made an empty dict when absent."""
    found = obj.get(key)
    if not isinstance(found, dict):
        found = obj[key] = {}
    return found


def problems(field: str, value: Any, found: Sequence[str]) -> Causes:
    """Causes of an invalid value, one per problem."""
    return [status.invalid_value(field, value, problem) for problem in found]


def port_causes(field: str, value: Any) -> Causes:
    if isinstance(value, int) and 1 <= value <= 65535:
        return []
    return [status.invalid_value(field, value, "must be between 1 and 65535, inclusive")]


def immutable(field: str, new: Any, old: Any) -> Causes:
    return [] if new == old else [status.invalid_value(field, new, "field is immutable")]


def not_negative(field: str, value: Any) -> Causes:
    if value is None or value >= 0:
        return []
    return [status.invalid_value(field, value, "must be greater than or equal to 0")]
