"""Which lists are maps or sets in disguise, and which maps are one value: for each kind. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

FieldPath = tuple[str, ...]
"""Field names only; list items leave no trace."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How the value at a field is owned."""

    keys: tuple[str, ...] = ()
    """A list whose items are told apart by these fields."""
    is_set: bool = False
    atomic: bool = False


GRANULAR = Shape()
ATOMIC = Shape(atomic=True)
SET = Shape(is_set=True)

ShapeOf = Callable[[FieldPath, Any], Shape]

KEY_DEFAULTS: Mapping[str, Any] = {"protocol": "TCP"}
"""Keys that a writer may leave out."""

_LISTS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "resourceClaims": ("name",),
    "conditions": ("type",),
    "podIPs": ("ip",),
    "ownerReferences": ("uid",),
    "secrets": ("name",),
}
_ATOMIC_MAPS = frozenset(
    (
        "selector",
        "nodeSelector",
        "labelSelector",
        "namespaceSelector",
        "configMapKeyRef",
        "secretKeyRef",
        "fieldRef",
        "resourceFieldRef",
        "claimRef",
        "roleRef",
        "involvedObject",
        "openAPIV3Schema",
    )
)
_FREE_MAPS = frozenset(("labels", "annotations", "data", "stringData", "binaryData"))


def core_shape(path: FieldPath, value: Any) -> Shape:
    """The shapes of the built-in kinds."""
    field = path[-1] if path else ""
    parent = path[-2] if len(path) > 1 else ""
    if parent in _FREE_MAPS:
        return GRANULAR
    if isinstance(value, dict):
        return ATOMIC if field in _ATOMIC_MAPS else GRANULAR
    if not isinstance(value, list):
        return GRANULAR
    if field == "finalizers" and parent in ("metadata", "spec"):
        return SET
    if field == "ports" and parent in ("containers", "initContainers", "ephemeralContainers"):
        return Shape(("containerPort", "protocol"))
    if path == ("spec", "ports"):
        return Shape(("port", "protocol"))
    keys = _LISTS.get(field)
    return Shape(keys) if keys else ATOMIC


def schema_shape(schema: Mapping[str, Any]) -> ShapeOf:
    """The shapes that a structural schema declares; metadata is as everywhere."""

    def shape(path: FieldPath, value: Any) -> Shape:
        if path[:1] == ("metadata",) or not path:
            return core_shape(path, value)
        node: Mapping[str, Any] | None = schema
        for field in path:
            node = _step(node, field)
        if node is None:
            return GRANULAR if isinstance(value, dict) else ATOMIC
        if isinstance(value, list):
            kind = node.get("x-kubernetes-list-type")
            if kind == "map":
                return Shape(tuple(node.get("x-kubernetes-list-map-keys") or ()))
            return SET if kind == "set" else ATOMIC
        return ATOMIC if node.get("x-kubernetes-map-type") == "atomic" else GRANULAR

    return shape


def _step(node: Mapping[str, Any] | None, field: str) -> Mapping[str, Any] | None:
    if node is None:
        return None
    if isinstance(node.get("items"), dict):
        node = node["items"]
    properties = node.get("properties") or {}
    if field in properties:
        found: Mapping[str, Any] = properties[field]
        return found
    additional = node.get("additionalProperties")
    return additional if isinstance(additional, dict) else None
