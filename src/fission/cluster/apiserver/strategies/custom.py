"""Custom resources: what their definition declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fission.cluster.apiserver import hooks, jsonpath
from fission.cluster.apiserver.strategies import base


def text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class Custom(base.Strategy):
    """One served version of a definition."""

    has_generation = True
    unconditional_update = False
    type_meta_in_lists = True
    terse_field_errors = True

    def __init__(self, definition: hooks.CustomResource) -> None:
        self.definition = definition
        self.has_status = "status" in definition.resource.subresources
        self._fields = definition.selectable_fields

    def generation_changed(self, obj: base.Object, old: base.Object) -> bool:
        """Anything but metadata; and but status, where it is a subresource."""
        left_out = {"metadata", "status"} if self.has_status else {"metadata"}
        return {k: v for k, v in obj.items() if k not in left_out} != {
            k: v for k, v in old.items() if k not in left_out
        }

    def selectable_fields(self, obj: base.Object) -> Mapping[str, str]:
        return {path.lstrip("."): text_of(jsonpath.first(obj, path)) for path in self._fields}
