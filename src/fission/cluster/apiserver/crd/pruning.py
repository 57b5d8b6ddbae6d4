"""Dropping the fields that a schema does not know.

Works in place and reports what it dropped; an object is never refused here. Fields below
``x-kubernetes-preserve-unknown-fields`` stay, those that the schema names there are still walked.
"""

from __future__ import annotations

from typing import Any

from fission.cluster.apiserver.crd import paths, structural

RESOURCE_FIELDS = frozenset({"apiVersion", "kind", "metadata"})
"""What the root and every embedded resource have, whatever their schema says."""


def prune(
    value: Any,
    node: structural.Node,
    path: paths.Path = (),
    *,
    is_resource: bool = True,
) -> list[str]:
    """Remove unknown fields of ``value`` in place; return their paths in the order met."""
    dropped: list[str] = []
    _prune(value, node, path, is_resource or node.embedded, dropped)
    return dropped


def _prune(
    value: Any, node: structural.Node, path: paths.Path, is_resource: bool, dropped: list[str]
) -> None:
    if isinstance(value, list):
        if node.items is not None:
            for index, item in enumerate(value):
                _prune(item, node.items, (*path, index), node.items.embedded, dropped)
        return
    if not isinstance(value, dict):
        return
    for name in list(value):
        if is_resource and name in RESOURCE_FIELDS:
            continue
        child = node.properties.get(name)
        if child is not None:
            _prune(value[name], child, (*path, name), child.embedded, dropped)
        elif node.additional is not None:
            key = (*path, paths.Key(name))
            _prune(value[name], node.additional, key, node.additional.embedded, dropped)
        elif not node.preserves_unknown:
            dropped.append(paths.render((*path, name)))
            del value[name]
