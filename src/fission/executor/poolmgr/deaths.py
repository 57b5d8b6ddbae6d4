"""How a function's runtime ended, for the function's owner. Pure but for ``Deaths.tell``.

What the kubelet reports of a container that ended (reason, exit code, last words) becomes a Warning
Event on the Function. An end that was asked for, by draining or deleting the pod, is none.
"""

from __future__ import annotations

import collections
from dataclasses import dataclass
from typing import Any, Final

from fission.api import function_types
from fission.executor.poolmgr import pods, resources
from fission.kube import events
from fission.meta import labels as meta_labels
from fission.meta import objectmeta

Obj = dict[str, Any]

OOM_KILLED: Final = "OOMKilled"
CRASHED: Final = "PodCrashed"
MAX_WORDS_CHARS: Final = 700
"""Of the end of what the runtime said; an Event has room for 1024."""
MAX_REMEMBERED: Final = 4096


@dataclass(frozen=True, slots=True)
class Death:
    """One end of a runtime's container."""

    reason: str
    message: str
    at: str
    """When it ended, as the kubelet says."""


def describe(pod: Obj) -> Death | None:
    """How the pod's runtime ended last, since it belongs to its function; None while it lives."""
    annotations = meta_labels.annotations_of(pod)
    if objectmeta.is_deleting(pod) or resources.DRAIN_UNTIL in annotations:
        return None
    return last(pod) if pods.runtime_ended(pod) else None


def last(pod: Obj) -> Death | None:
    """How a container of the function's ended last; None if none did or the pod is to go."""
    if objectmeta.is_deleting(pod):
        return None
    for container in pods.runtime_statuses(pod):
        ended = (container.get("state") or {}).get("terminated") or (
            (container.get("lastState") or {}).get("terminated")
        )
        if ended:
            return _death(pod, container, ended)
    return None


def _death(pod: Obj, container: Obj, ended: Obj) -> Death:
    name = container["name"]
    code = ended.get("exitCode")
    how = f"ended with exit code {code}"
    is_oom = ended.get("reason") == OOM_KILLED
    if is_oom:
        limit = _memory_limit(pod, name)
        how = f"was killed for its use of memory{limit} ({OOM_KILLED}, exit code {code})"
    elif ended.get("signal"):
        how = f"was ended by signal {ended['signal']} (exit code {code})"
    words = str(ended.get("message") or "").strip()
    if len(words) > MAX_WORDS_CHARS:
        words = "…" + words[1 - MAX_WORDS_CHARS :]
    text = f"container {name} of pod {pod['metadata']['name']} {how}"
    return Death(
        OOM_KILLED if is_oom else CRASHED,
        f"{text}: {words}" if words else text,
        str(ended.get("finishedAt") or ""),
    )


def _memory_limit(pod: Obj, name: str) -> str:
    for container in pod.get("spec", {}).get("containers", ()):
        if container.get("name") == name:
            limit = ((container.get("resources") or {}).get("limits") or {}).get("memory")
            return f", limit {limit}" if limit else ""
    return ""


class Deaths:
    """Tells each death once."""

    def __init__(self, recorder: events.Recorder) -> None:
        self._recorder = recorder
        self._told: collections.OrderedDict[tuple[str, str], None] = collections.OrderedDict()

    def tell(self, function: function_types.Function, pod: Obj) -> None:
        """Record an Event on the Function, if the pod's runtime has ended."""
        self._tell(function, pod, describe(pod))

    def tell_last(self, function: function_types.Function, pod: Obj) -> None:
        """The same of a pod that nobody but this function ever had."""
        self._tell(function, pod, last(pod))

    def _tell(self, function: function_types.Function, pod: Obj, death: Death | None) -> None:
        if death is None:
            return
        key = (pod["metadata"]["uid"], death.at)
        if key in self._told:
            return
        self._told[key] = None
        while len(self._told) > MAX_REMEMBERED:
            self._told.popitem(last=False)
        metadata = function.metadata
        subject = {
            "apiVersion": function.api_version,
            "kind": function.kind,
            "metadata": {
                "name": metadata.name,
                "namespace": metadata.namespace,
                "uid": metadata.uid,
            },
        }
        self._recorder.event(subject, events.WARNING, death.reason, death.message)
