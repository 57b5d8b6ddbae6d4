"""A structural schema, parsed into nodes that the other modules walk.

A node keeps only what decides about shape (properties, items, defaults, list types, rules);
value constraints stay in ``raw`` for ``validation``. Parsing assumes a schema that ``definition``
accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = Any


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One level of a schema."""

    raw: Mapping[str, Any]
    type: str = ""
    properties: Mapping[str, Node] = field(default_factory=dict)
    additional: Node | None = None
    """Schema of a map's values."""
    items: Node | None = None
    has_default: bool = False
    default: Json = None
    nullable: bool = False
    int_or_string: bool = False
    preserves_unknown: bool = False
    embedded: bool = False
    list_type: str = ""
    list_map_keys: tuple[str, ...] = ()
    validations: tuple[Mapping[str, Any], ...] = ()

    @property
    def children(self) -> tuple[Node, ...]:
        found = list(self.properties.values())
        found += [node for node in (self.additional, self.items) if node]
        return tuple(found)


def parse(raw: Mapping[str, Any]) -> Node:
    """Return the node of an ``openAPIV3Schema`` and everything below it."""
    additional = raw.get("additionalProperties")
    items = raw.get("items")
    return Node(
        raw=raw,
        type=raw.get("type") or "",
        properties={name: parse(sub) for name, sub in (raw.get("properties") or {}).items()},
        additional=_parse_additional(additional),
        items=parse(items) if isinstance(items, Mapping) else None,
        has_default="default" in raw,
        default=raw.get("default"),
        nullable=bool(raw.get("nullable")),
        int_or_string=bool(raw.get("x-kubernetes-int-or-string")),
        preserves_unknown=bool(raw.get("x-kubernetes-preserve-unknown-fields")),
        embedded=bool(raw.get("x-kubernetes-embedded-resource")),
        list_type=raw.get("x-kubernetes-list-type") or "",
        list_map_keys=tuple(raw.get("x-kubernetes-list-map-keys") or ()),
        validations=tuple(raw.get("x-kubernetes-validations") or ()),
    )


def _parse_additional(additional: Any) -> Node | None:
    if isinstance(additional, Mapping):
        return parse(additional)
    return Node(raw={}, preserves_unknown=True) if additional is True else None
