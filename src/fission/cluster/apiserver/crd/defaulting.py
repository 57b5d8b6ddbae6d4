"""Filling in the defaults that a schema declares.

A missing property takes its default, also inside list items and map values; null takes it too
where null is not allowed. Defaults apply only inside objects that are present.
"""

from __future__ import annotations

import copy
from typing import Any

from fission.cluster.apiserver.crd import structural


def apply_defaults(value: Any, node: structural.Node) -> None:
    """Complete ``value`` in place."""
    if isinstance(value, dict):
        for name, child in node.properties.items():
            present = value.get(name, _MISSING)
            if child.has_default and (
                present is _MISSING or (present is None and not child.nullable)
            ):
                present = value[name] = copy.deepcopy(child.default)
            if present is not _MISSING:
                apply_defaults(present, child)
        if node.additional is not None:
            for name, item in value.items():
                if name not in node.properties:
                    apply_defaults(item, node.additional)
    elif isinstance(value, list) and node.items is not None:
        for item in value:
            apply_defaults(item, node.items)


_MISSING = object()
