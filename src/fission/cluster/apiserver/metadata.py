"""Rules of metadata that hold for every kind: checks, and what writers cannot change. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fission.meta import gvk, labels, status

Object = dict[str, Any]

_ORDER = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)
_EMPTY: tuple[Any, ...] = (None, "", {}, [])

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
_STANDARD_FINALIZERS = (FOREGROUND, ORPHAN, "kubernetes")


def arrange(obj: Object, resource: gvk.Resource) -> Object:
    """kind, apiVersion, metadata, then the rest; metadata in order and without empty fields.

    Storage relies on the order: list items are the stored bytes without kind and apiVersion.
    """
    metadata = obj.get("metadata") or {}
    tidy = {key: metadata[key] for key in _ORDER if metadata.get(key) not in _EMPTY}
    grace = metadata.get("deletionGracePeriodSeconds")
    if grace is not None:
        tidy["deletionGracePeriodSeconds"] = grace
    rest = {k: v for k, v in obj.items() if k not in ("kind", "apiVersion", "metadata")}
    return {
        "kind": resource.kind,
        "apiVersion": resource.api_version,
        "metadata": tidy,
        **rest,
    }


def validate(obj: Object, name_problems: list[str]) -> list[status.Cause]:
    """Causes in name, labels, annotations, finalizers and owners."""
    metadata = obj["metadata"]
    causes: list[status.Cause] = []
    name = metadata.get("name") or ""
    if not name:
        causes.append(status.required("metadata.name", "name or generateName is required"))
    else:
        causes += [status.invalid_value("metadata.name", name, why) for why in name_problems]
    for key, value in (metadata.get("labels") or {}).items():
        for why in labels.key_problems(key):
            causes.append(status.invalid_value("metadata.labels", key, why))
        for why in labels.value_problems(value):
            causes.append(status.invalid_value("metadata.labels", value, why))
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        for why in labels.key_problems(key.lower()):
            causes.append(status.invalid_value("metadata.annotations", key, why))
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > labels.MAX_ANNOTATIONS_BYTES:
        causes.append(status.too_long("metadata.annotations", labels.MAX_ANNOTATIONS_BYTES))
    causes += _finalizer_causes(metadata.get("finalizers") or [])
    return causes + _owner_causes(metadata.get("ownerReferences") or [])


def _finalizer_causes(finalizers: list[str]) -> list[status.Cause]:
    causes = []
    for position, finalizer in enumerate(finalizers):
        field = f"metadata.finalizers[{position}]"
        if finalizer in _STANDARD_FINALIZERS:
            continue
        if "/" not in finalizer and "." not in finalizer:
            why = "name is neither a standard finalizer name nor is it fully qualified"
            causes.append(status.invalid_value(field, finalizer, why))
        else:
            causes += [
                status.invalid_value(field, finalizer, why)
                for why in labels.key_problems(finalizer)
            ]
    return causes


def _owner_causes(owners: list[Object]) -> list[status.Cause]:
    causes: list[status.Cause] = []
    controllers: list[str] = []
    for position, owner in enumerate(owners):
        field = f"metadata.ownerReferences[{position}]"
        for key in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(key):
                causes.append(status.invalid_value(f"{field}.{key}", "", "must not be empty"))
        if owner.get("controller"):
            controllers.append(f"{owner.get('kind')}/{owner.get('name')}")
    if len(controllers) > 1:
        causes.append(
            status.invalid_value(
                "metadata.ownerReferences",
                owners,
                "Only one reference can have Controller set to true. Found "
                f'"true" in references for {" and ".join(controllers)}',
            )
        )
    return causes


def check_identity(obj: Object, namespace: str, name: str) -> None:
    """The body must not contradict the URL; fills in what it leaves out."""
    metadata = _metadata(obj)
    given = metadata.get("namespace") or ""
    if given and given != namespace:
        raise status.BadRequest(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if namespace:
        metadata["namespace"] = namespace
    if not name:
        return
    given = metadata.get("name") or ""
    if not given:
        raise status.BadRequest("name must be provided")
    if given != name:
        raise status.BadRequest(
            f"the name of the object ({given}) does not match the name on the URL ({name})"
        )


def _metadata(obj: Object) -> Object:
    found = obj.get("metadata")
    if not isinstance(found, dict):
        found = obj["metadata"] = {}
    return found


def carry_over(new: Object, old: Object) -> None:
    """Set back what only the server writes."""
    metadata, before = _metadata(new), old["metadata"]
    for field in (
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
        "resourceVersion",
    ):
        if field in before:
            metadata[field] = before[field]
        else:
            metadata.pop(field, None)
    metadata.pop("selfLink", None)


def added_finalizer_causes(new: Object, old: Object) -> list[status.Cause]:
    """Nothing may be added once deletion has begun."""
    if not old["metadata"].get("deletionTimestamp"):
        return []
    before = old["metadata"].get("finalizers") or []
    added = [f for f in new["metadata"].get("finalizers") or () if f not in before]
    if not added:
        return []
    listed = ", ".join(f'"{finalizer}"' for finalizer in added)
    return [
        status.forbidden_field(
            "metadata.finalizers",
            "no new finalizers can be added if the object is being deleted, found new finalizers "
            f"[]string{{{listed}}}",
        )
    ]


def deletion_finalizers(obj: Object, propagation: str) -> list[str]:
    """The finalizers after a DELETE with that policy."""
    found = list(obj["metadata"].get("finalizers") or ())
    if not propagation:
        return found
    kept = [finalizer for finalizer in found if finalizer not in (FOREGROUND, ORPHAN)]
    if propagation == "Foreground":
        return [*kept, FOREGROUND]
    if propagation == "Orphan":
        return [*kept, ORPHAN]
    return kept


def generate_name(obj: Object, make: Callable[[str], str]) -> bool:
    """Name an object that brings only ``generateName``; tells whether it did."""
    metadata = _metadata(obj)
    if metadata.get("name") or not metadata.get("generateName"):
        return False
    metadata["name"] = make(metadata["generateName"])
    return True
