"""List uniqueness (``set``, ``map``) and the shape of embedded resources."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from fission.cluster.apiserver.crd import paths, structural, validation
from fission.meta import status


def check(value: Any, node: structural.Node, path: paths.Path = ()) -> Iterator[validation.Found]:
    """Yield a cause for each duplicate item and each embedded resource without its type."""
    if isinstance(value, dict):
        if node.embedded:
            yield from _check_embedded(value, path)
        for name, item in value.items():
            child = node.properties.get(name)
            if child is not None:
                yield from check(item, child, (*path, name))
            elif node.additional is not None:
                yield from check(item, node.additional, (*path, paths.Key(name)))
    elif isinstance(value, list):
        if node.list_type in ("set", "map"):
            yield from _check_unique(value, node, path)
        if node.items is not None:
            for index, item in enumerate(value):
                yield from check(item, node.items, (*path, index))


def identity(item: Any, node: structural.Node) -> bytes | None:
    """What makes an item of a set or map list the same item; None for other lists."""
    if node.list_type == "set":
        return orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    if node.list_type == "map" and isinstance(item, dict):
        return orjson.dumps({key: item.get(key) for key in node.list_map_keys})
    return None


def _check_unique(
    items: list[Any], node: structural.Node, path: paths.Path
) -> Iterator[validation.Found]:
    seen: set[bytes] = set()
    for index, item in enumerate(items):
        key = identity(item, node)
        if key is None:
            continue
        if key in seen:
            shown = item
            if node.list_type == "map":
                shown = {name: item[name] for name in sorted(node.list_map_keys) if name in item}
            where = (*path, index)
            yield where, status.duplicate(paths.render(where), shown)
        seen.add(key)


def _check_embedded(value: dict[str, Any], path: paths.Path) -> Iterator[validation.Found]:
    for name in ("apiVersion", "kind"):
        if not value.get(name):
            yield path, status.required(paths.render((*path, name)), "must not be empty")
