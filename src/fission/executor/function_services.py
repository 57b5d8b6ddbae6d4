"""When a pooled function has its headless Service, and what is written for that. Pure.

A Service is wanted while the function has pods, and for some time after the last: then the next
pod's address reaches the routers sooner, and pauses between calls write nothing.
"""

from __future__ import annotations

from typing import Any, Final

from fission.api import function_types
from fission.kube import actions
from fission.meta import gvk, objectmeta
from fission.meta import labels as meta_labels

Obj = dict[str, Any]

KEPT_SECONDS: Final = 600.0
"""Without a pod: longer than most pauses between calls."""


class Kept:
    """How long the Services of functions without pods are kept yet."""

    def __init__(self) -> None:
        self._without_pod_since: dict[str, float] = {}

    def seconds_left(self, key: str, has_pods: bool, has_service: bool, now: float) -> float:
        """Seconds until the Service of a function name may go; 0 when nothing is counted."""
        if has_pods or not has_service:
            self._without_pod_since.pop(key, None)
            return 0.0
        since = self._without_pod_since.setdefault(key, now)
        return max(0.0, since + KEPT_SECONDS - now)

    def __len__(self) -> int:
        return len(self._without_pod_since)


def plan_services(
    function: function_types.Function | None, existing: list[Obj], desired: Obj | None
) -> list[actions.Action]:
    """The writes that leave exactly the desired Service for a function name. Pure."""
    name = desired["metadata"]["name"] if desired is not None else None
    planned: list[actions.Action] = [
        actions.delete_of(gvk.SERVICES, one)
        for one in existing
        if objectmeta.name_of(one) != name and not objectmeta.is_deleting(one)
    ]
    if desired is None or function is None or function.metadata.deletion_timestamp:
        return planned
    found = next((one for one in existing if objectmeta.name_of(one) == name), None)
    if found is None:
        planned.append(actions.Create(gvk.SERVICES, desired))
    elif found["spec"].get("selector") != desired["spec"]["selector"] or (
        meta_labels.of(found) != desired["metadata"]["labels"]
    ):
        patch = {
            "metadata": {"labels": desired["metadata"]["labels"]},
            "spec": {"selector": desired["spec"]["selector"]},
        }
        namespace = found["metadata"]["namespace"]
        planned.append(actions.Patch(gvk.SERVICES, namespace, str(name), patch))
    return planned
