"""Where a pod really listens.

A kubelet that found a container port taken by a stranger on the wildcard address binds another
and writes the table into the pod's annotation. Everybody who needs a pod's port asks here.
"""

from __future__ import annotations

import json
from typing import Any

from fission.base import errors
from fission.meta import labels

PORT_MAP_ANNOTATION = "kubelet/port-map"
"""JSON object: declared container port (text) → the port that is bound."""


class UnknownPort(errors.Error):
    """The pod has no port of that name."""

    reason = "UnknownPort"


def port_map(pod: dict[str, Any]) -> dict[int, int]:
    """Declared → real, only where they differ; a broken annotation counts as none."""
    text = labels.annotations_of(pod).get(PORT_MAP_ANNOTATION)
    if not text:
        return {}
    try:
        table = json.loads(text)
        return {int(declared): int(real) for declared, real in table.items()}
    except (ValueError, AttributeError, TypeError):
        return {}


def declared_port(pod: dict[str, Any], port: str | int) -> int:
    """The container port that a name or number means, before any remapping."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    for container in (pod.get("spec") or {}).get("containers") or ():
        for declared in container.get("ports") or ():
            if declared.get("name") == port:
                return int(declared["containerPort"])
    raise UnknownPort(f"pod {pod.get('metadata', {}).get('name', '')!r} has no port named {port!r}")


def resolve_port(pod: dict[str, Any], port: str | int) -> int:
    """The port on which the pod really listens, for a declared name or number."""
    declared = declared_port(pod, port)
    return port_map(pod).get(declared, declared)
