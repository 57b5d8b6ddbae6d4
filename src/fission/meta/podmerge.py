"""Laying what people ask for over a pod of the platform: containers by name, lists appended.

Scalars override, mappings merge key by key, lists append. Containers (and what else has a name in
a pod) merge with the one of the same name; a name given twice where there can be one, such as an
environment variable of a container, is refused by name. Pure: nothing handed in is changed.
"""

from __future__ import annotations

import copy
from typing import Any, Final

from fission.base import errors

Obj = dict[str, Any]

_BY_NAME: Final = ("containers", "initContainers")
_UNIQUE: Final = {"env": "name", "volumes": "name", "ports": "name", "volumeMounts": "mountPath"}


def merge_container(base: Obj, patch: Obj | None) -> Obj:
    """``base`` with ``patch`` over it; the name stays the base's."""
    if not patch:
        return base
    merged = _merge(base, patch, f"container {base.get('name')}")
    merged["name"] = base["name"]
    return merged


def merge_podspec(base: Obj, patch: Obj | None) -> Obj:
    """``base`` with ``patch`` over it; a container of another name is added beside."""
    if not patch:
        return base
    rest = {key: value for key, value in patch.items() if key not in _BY_NAME}
    merged = _merge(base, rest, "podspec")
    for field in _BY_NAME:
        containers = list(merged.get(field) or ())
        for extra in patch.get(field) or ():
            position = next(
                (i for i, one in enumerate(containers) if one["name"] == extra.get("name")), None
            )
            if position is None:
                containers.append(copy.deepcopy(extra))
            else:
                containers[position] = merge_container(containers[position], extra)
        if containers:
            merged[field] = containers
    return merged


def _merge(base: Obj, patch: Obj, where: str) -> Obj:
    merged = dict(base)
    for key, value in patch.items():
        mine = merged.get(key)
        if value is None or (value == "" and mine is not None):
            continue  # Go's types, in which all this is declared, do not tell these from absent
        if isinstance(mine, dict) and isinstance(value, dict):
            merged[key] = _merge(mine, value, f"{where}.{key}")
        elif isinstance(mine, list) and isinstance(value, list):
            merged[key] = mine + copy.deepcopy(value)
            _refuse_twice(merged[key], _UNIQUE.get(key), f"{where}.{key}")
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def _refuse_twice(items: list[Any], field: str | None, where: str) -> None:
    if field is None:
        return
    seen: set[str] = set()
    for item in items:
        name = item.get(field) if isinstance(item, dict) else None
        if name in seen:
            raise errors.InvalidInput(f"{where} has {field} {name!r} twice")
        if name is not None:
            seen.add(name)
