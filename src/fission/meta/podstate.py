"""What a pod's status says: whether it serves, and why it does not start. Pure."""

from __future__ import annotations

from typing import Any, Final

from fission.meta import objectmeta

Obj = dict[str, Any]

_STARTING: Final = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Reasons of a container that waits its ordinary turn."""


def is_ready(pod: Obj) -> bool:
    """Running, with an address, every container ready, not being deleted."""
    status = pod.get("status") or {}
    if objectmeta.is_deleting(pod) or status.get("phase") != "Running" or not status.get("podIP"):
        return False
    containers = status.get("containerStatuses") or ()
    return bool(containers) and all(one.get("ready") for one in containers)


def why_stuck(pod: Obj) -> str | None:
    """Why it will not start by itself soon; None while it may."""
    status = pod.get("status") or {}
    if status.get("phase") in ("Failed", "Succeeded"):
        return str(status.get("message") or status.get("reason") or "the pod has ended")
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("message") or condition.get("reason"))
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "") not in _STARTING:
            text = _last_words(container) or waiting.get("message") or ""
            return f"container {container['name']}: {waiting['reason']} {text}".strip()
    return None


def _last_words(container: Obj) -> str:
    """The last line that the run before left as its termination message."""
    ended = (container.get("lastState") or {}).get("terminated") or {}
    lines = str(ended.get("message") or "").strip().splitlines()
    return lines[-1] if lines else ""
