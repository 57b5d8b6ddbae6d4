"""The two Event APIs over one store: core/v1 is stored, events.k8s.io/v1 is converted. Pure."""

from __future__ import annotations

from typing import Any

_NEW_TO_CORE = {
    "note": "message",
    "regarding": "involvedObject",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "reportingController": "reportingComponent",
}
_CORE_TO_NEW = {core: new for new, core in _NEW_TO_CORE.items()}


def to_core(event: dict[str, Any]) -> dict[str, Any]:
    """events.k8s.io/v1 → v1."""
    renamed = {_NEW_TO_CORE.get(key, key): value for key, value in event.items()}
    return {**renamed, "apiVersion": "v1"}


def to_new(event: dict[str, Any]) -> dict[str, Any]:
    """v1 → events.k8s.io/v1."""
    renamed = {_CORE_TO_NEW.get(key, key): value for key, value in event.items()}
    return {**renamed, "apiVersion": "events.k8s.io/v1"}
