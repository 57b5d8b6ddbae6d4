"""The field tables: a type's fields and their types, parsed when first met.

``kinds.txt`` is generated (``tools/kind_fields.py``, which explains the notation).
"""

from __future__ import annotations

import functools
import importlib.resources
from typing import NamedTuple

from fission.meta import gvk


class Field(NamedTuple):
    type: str
    list: bool
    map: bool


_MODULES = {
    "": "core_v1",
    "apps": "apps_v1",
    "discovery.k8s.io": "discovery_v1",
    "coordination.k8s.io": "coordination_v1",
    "rbac.authorization.k8s.io": "rbac_v1",
    "apiextensions.k8s.io": "apiextensions_v1",
    "events.k8s.io": "events_v1",
    "networking.k8s.io": "networking_v1",
    "policy": "policy_v1",
    "admissionregistration.k8s.io": "admissionregistration_v1",
    "authentication.k8s.io": "authentication_v1",
    "authorization.k8s.io": "authorization_v1",
}


@functools.cache
def _lines() -> dict[str, str]:
    text = importlib.resources.files(__package__).joinpath("kinds.txt").read_text("ascii")
    found: dict[str, list[str]] = {}
    fields: list[str] = []
    for line in text.splitlines():
        if line.startswith(" "):
            fields.append(line)
        else:
            fields = found.setdefault(line, [])
    return {name: " ".join(lines) for name, lines in found.items()}


@functools.cache
def fields_of(type_: str) -> dict[str, Field]:
    """The fields of a type by name; KeyError for a type outside the tables."""
    fields = {}
    for item in _lines()[type_].split():
        name, kind = item.split(":")
        fields[name] = Field(kind.lstrip("*%"), kind[0] == "*", kind[0] == "%")
    return fields


def type_of(group: str, version: str, kind: str) -> str | None:
    """The table's name of a kind, or None when it has no table."""
    module = f"autoscaling_{version}" if group == "autoscaling" else _MODULES.get(group, "")
    name = f"{module}.{kind}"
    return name if name in _lines() else None


def type_of_resource(resource: gvk.Resource) -> str | None:
    return type_of(resource.group, resource.version, resource.kind)
