"""Which pod may come up next: a few at once, and owners of pods take turns.

A pod's turn lasts from its address to its being ready, so that those who stand in line do not take
processors from those who are almost there. All but one of the slots may be one owner's: a pod of
another owner finds one whatever the first does. The owner is the controller, whatever its kind;
pods without one share their namespace's turns. Pods that were up before, and those of the platform,
stand in no line.
"""

from __future__ import annotations

import os
from typing import Any, Final

from fission.base import turns
from fission.meta import objectmeta

HOLD_SECONDS: Final = 1.0
"""A pod that is not ready by then waits for something (an image, a volume, its own program)."""


def make(limit: int) -> turns.Turns:
    """The node's line; 0: two pods for each processor."""
    chosen = limit or 2 * (os.cpu_count() or 1)
    return turns.Turns(chosen, chosen - 1, HOLD_SECONDS)


def owner_of(pod: dict[str, Any]) -> str:
    """Whose turn it is when the pod comes up."""
    controller = objectmeta.controller_of(pod)
    return str((controller or {}).get("uid") or f"namespace {pod['metadata'].get('namespace')}")
