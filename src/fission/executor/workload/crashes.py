"""Pods whose runtime is not the process any more that loaded the function. Pure.

A pod loads its function once, before it is ready. When its runtime's process ends the kubelet
starts another, which knows no function, beside a fetcher that says ready: such a pod must go.
"""

from __future__ import annotations

from typing import Any

from fission.api import labels
from fission.meta import labels as meta_labels
from fission.meta import objectmeta, podstate

Obj = dict[str, Any]


class Crashes:
    """Restarts of runtimes, as of when their pods became ready."""

    def __init__(self, started_at: str) -> None:
        """``started_at``: whether older pods restarted after they were ready, nobody here knows;
        those that restarted at all are not trusted. RFC 3339.
        """
        self._started_at = started_at
        self._before: dict[str, int] = {}

    def observe(self, pod: Obj) -> bool:
        """Take a pod's state in; whether its runtime has ended since it was ready."""
        runtime = _runtime_of(pod)
        if runtime is None:
            return False
        uid = objectmeta.uid_of(pod)
        restarts = int(runtime.get("restartCount") or 0)
        if uid not in self._before:
            if not podstate.is_ready(pod):
                return False
            is_older = str(pod["metadata"].get("creationTimestamp") or "") < self._started_at
            self._before[uid] = 0 if is_older else restarts
        ended = "running" not in (runtime.get("state") or {"running": {}})
        return ended or restarts > self._before[uid]

    def forget(self, pod: Obj) -> None:
        """The pod is gone."""
        self._before.pop(objectmeta.uid_of(pod), None)


def _runtime_of(pod: Obj) -> Obj | None:
    name = meta_labels.of(pod).get(labels.ENVIRONMENT_NAME)
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        if name and container.get("name") == name:
            found: Obj = container
            return found
    return None
