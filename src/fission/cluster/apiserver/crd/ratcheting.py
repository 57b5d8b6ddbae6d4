"""Ratcheting: what an update leaves as it was is not held against it.

An object may be stored that today's schema refuses (the schema changed since). An update is then
judged by what it changes: a cause about a value that is equal to its old self, or that lies inside
of one, is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fission.cluster.apiserver.crd import listtypes, paths, structural, validation


def drop_tolerated(
    found: Iterable[validation.Found], obj: Any, old: Any, root: structural.Node
) -> list[validation.Found]:
    """Keep the causes whose value, and everything around it, the update changed."""
    return [(path, cause) for path, cause in found if not _is_unchanged(path, obj, old, root)]


def _is_unchanged(path: paths.Path, value: Any, old: Any, node: structural.Node | None) -> bool:
    if value == old:
        return True
    for part in path:
        name = part.text if isinstance(part, paths.Key) else part
        if isinstance(name, int):
            if not _have_item(value, name) or not isinstance(old, list):
                return False
            value, old = value[name], _old_item(value[name], old, node)
            node = node.items if node else None
        else:
            if not (isinstance(value, dict) and isinstance(old, dict)):
                return False
            if name not in value or name not in old:
                return False
            value, old = value[name], old[name]
            node = (node.properties.get(name) or node.additional) if node else None
        if old is None and value is not None:
            return False
        if value == old:
            return True
    return False


def _have_item(value: Any, index: int) -> bool:
    return isinstance(value, list) and index < len(value)


def _old_item(item: Any, old: list[Any], node: structural.Node | None) -> Any:
    """The old self of an item of a ``map`` list; items of other lists have none."""
    if node is None or node.list_type != "map":
        return None
    key = listtypes.identity(item, node)
    return next((was for was in old if listtypes.identity(was, node) == key), None)
