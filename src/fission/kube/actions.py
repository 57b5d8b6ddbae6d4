"""What a plan may ask for: frozen values that tests compare and ``apply`` carries out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fission.meta import gvk

Obj = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Create:
    """POST an object; that it exists already means that the plan was made too early."""

    resource: gvk.Resource
    obj: Obj
    subresource: str | None = None
    """With one (``binding``), the object's name stands in the path."""


@dataclass(frozen=True, slots=True)
class Update:
    """PUT an object with the resourceVersion that the plan saw."""

    resource: gvk.Resource
    obj: Obj


@dataclass(frozen=True, slots=True)
class UpdateStatus:
    """PUT an object's status with the resourceVersion that the plan saw."""

    resource: gvk.Resource
    obj: Obj


@dataclass(frozen=True, slots=True)
class Patch:
    """PATCH a part of an object."""

    resource: gvk.Resource
    namespace: str | None
    name: str
    patch: Any
    kind: str = "merge"
    subresource: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE an object; that it has gone already is as good."""

    resource: gvk.Resource
    namespace: str | None
    name: str
    uid: str | None = None
    """Delete this one only, not a namesake made since."""
    resource_version: str | None = None
    propagation: str | None = None
    grace_period_seconds: int | None = None


Action = Create | Update | UpdateStatus | Patch | Delete
Plan = Sequence[Action]


def delete_of(resource: gvk.Resource, obj: Obj, **options: Any) -> Delete:
    """Delete exactly the object that was seen."""
    metadata = obj["metadata"]
    return Delete(
        resource, metadata.get("namespace"), metadata["name"], uid=metadata.get("uid"), **options
    )
