"""Is a schema structural? The shape rules of ``openAPIV3Schema``, level by level.

Every level has a type (or is int-or-string, or preserves unknown fields); the branches of
``allOf``, ``anyOf``, ``oneOf`` and ``not`` only narrow values and never describe shape.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fission.meta import status

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_FORBIDDEN = (
    "definitions",
    "dependencies",
    "deprecated",
    "discriminator",
    "id",
    "patternProperties",
    "readOnly",
    "writeOnly",
    "xml",
    "$ref",
)
_SHAPE_ONLY = (
    "additionalProperties",
    "default",
    "description",
    "nullable",
    "title",
    "type",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
)
"""What a branch of a combination may not say."""

_LIST_TYPES = ("atomic", "set", "map")


def check(raw: Mapping[str, Any], where: str) -> list[status.Cause]:
    """Return what keeps the schema from being structural, sorted by place."""
    causes = [*_check_level(raw, where, is_root=True)]
    return sorted(causes, key=lambda cause: cause.field)


def _check_level(
    raw: Mapping[str, Any], where: str, *, is_root: bool = False
) -> Iterator[status.Cause]:
    yield from _check_type(raw, where, is_root)
    for key in _FORBIDDEN:
        if raw.get(key):
            yield status.forbidden_field(f"{where}.{key}", f"{key} is not supported")
    if raw.get("uniqueItems"):
        why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        yield status.forbidden_field(f"{where}.uniqueItems", why)
    if raw.get("additionalProperties") is False:
        why = "additionalProperties cannot be set to false"
        yield status.forbidden_field(f"{where}.additionalProperties", why)
    if raw.get("properties") and raw.get("additionalProperties"):
        why = "additionalProperties and properties are mutual exclusive"
        yield status.forbidden_field(f"{where}.additionalProperties", why)
    yield from _check_list(raw, where)
    for name, sub in (raw.get("properties") or {}).items():
        yield from _check_level(sub, f"{where}.properties[{name}]")
    if isinstance(raw.get("additionalProperties"), Mapping):
        yield from _check_level(raw["additionalProperties"], f"{where}.additionalProperties")
    items = raw.get("items")
    if isinstance(items, Mapping):
        yield from _check_level(items, f"{where}.items")
    elif items is not None:
        yield status.forbidden_field(f"{where}.items", "items must be a schema object")
    yield from _check_branches(
        raw, where, allowed_types=bool(raw.get("x-kubernetes-int-or-string"))
    )


def _check_type(raw: Mapping[str, Any], where: str, is_root: bool) -> Iterator[status.Cause]:
    kind = raw.get("type") or ""
    if is_root:
        if not kind:
            yield status.required(f"{where}.type", "must not be empty at the root")
        elif kind != "object":
            yield status.invalid_value(f"{where}.type", kind, "must be object at the root")
        return
    if raw.get("x-kubernetes-int-or-string"):
        if kind:
            why = "must be empty if x-kubernetes-int-or-string is true"
            yield status.invalid_value(f"{where}.type", kind, why)
    elif not kind:
        if not raw.get("x-kubernetes-preserve-unknown-fields"):
            place = "array items" if where.endswith(".items") else "object fields"
            yield status.required(f"{where}.type", f"must not be empty for specified {place}")
    elif kind not in _TYPES:
        yield status.not_supported(f"{where}.type", kind, _TYPES)
    elif kind == "array" and not raw.get("items"):
        why = "must be specified"
        yield status.required(f"{where}.items", why)
    if raw.get("x-kubernetes-embedded-resource") and kind != "object":
        why = "must be object if x-kubernetes-embedded-resource is true"
        yield status.invalid_value(f"{where}.type", kind, why)


def _check_list(raw: Mapping[str, Any], where: str) -> Iterator[status.Cause]:
    list_type = raw.get("x-kubernetes-list-type")
    keys = raw.get("x-kubernetes-list-map-keys") or ()
    if list_type is not None and list_type not in _LIST_TYPES:
        yield status.not_supported(f"{where}.x-kubernetes-list-type", list_type, _LIST_TYPES)
    if list_type and raw.get("type") != "array":
        why = "must be array if x-kubernetes-list-type is specified"
        yield status.invalid_value(f"{where}.type", raw.get("type") or "", why)
    if list_type == "map" and not keys:
        why = "must not be empty if x-kubernetes-list-type is map"
        yield status.required(f"{where}.x-kubernetes-list-map-keys", why)
    items = raw.get("items") if isinstance(raw.get("items"), Mapping) else {}
    properties = items.get("properties") or {} if isinstance(items, Mapping) else {}
    required = items.get("required") or () if isinstance(items, Mapping) else ()
    for index, key in enumerate(keys if list_type == "map" else ()):
        here = f"{where}.x-kubernetes-list-map-keys[{index}]"
        if key not in properties:
            yield status.invalid_value(here, key, "must name a property of the items")
        elif key not in required and "default" not in properties[key]:
            why = (
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be "
                "a required property"
            )
            yield status.required(f"{where}.items.properties[{key}].default", why)


def _check_branches(
    raw: Mapping[str, Any], where: str, *, allowed_types: bool
) -> Iterator[status.Cause]:
    branches = [
        (f"{where}.{keyword}[{index}]", branch)
        for keyword in ("allOf", "anyOf", "oneOf")
        for index, branch in enumerate(raw.get(keyword) or ())
    ]
    if raw.get("not"):
        branches.append((f"{where}.not", raw["not"]))
    for here, branch in branches:
        yield from _check_branch(branch, here, allowed_types=allowed_types)


def _check_branch(
    branch: Mapping[str, Any], where: str, *, allowed_types: bool
) -> Iterator[status.Cause]:
    for key in _SHAPE_ONLY:
        if branch.get(key) and not (key == "type" and allowed_types):
            why = (
                "must be empty to be structural"
                if key == "type"
                else "must be undefined to be structural"
            )
            yield status.forbidden_field(f"{where}.{key}", why)
    for name, sub in (branch.get("properties") or {}).items():
        yield from _check_branch(sub, f"{where}.properties[{name}]", allowed_types=False)
    if isinstance(branch.get("items"), Mapping):
        yield from _check_branch(branch["items"], f"{where}.items", allowed_types=False)
    yield from _check_branches(branch, where, allowed_types=allowed_types)
