"""Two HTTP triggers that claim the same requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def find(
    trigger: Mapping[str, Any], namespace: str, existing: Iterable[Mapping[str, Any]]
) -> tuple[str, str] | None:
    """Return namespace and name of another trigger with the same host, path and a common method."""
    own = (namespace, trigger["metadata"]["name"])
    host, path, methods = _claim(trigger)
    for other in existing:
        metadata = other["metadata"]
        if (metadata["namespace"], metadata["name"]) == own:
            continue
        other_host, other_path, other_methods = _claim(other)
        if (host, path) == (other_host, other_path) and methods & other_methods:
            return metadata["namespace"], metadata["name"]
    return None


def _claim(trigger: Mapping[str, Any]) -> tuple[str, str, frozenset[str]]:
    spec = trigger.get("spec", {})
    methods = {*(spec.get("methods") or ()), spec.get("method") or ""} - {""}
    path = spec.get("prefix") or spec.get("relativeurl") or ""
    return spec.get("host") or "", path, frozenset(method.upper() for method in methods)
