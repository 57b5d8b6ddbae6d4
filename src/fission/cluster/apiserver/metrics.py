"""metrics.k8s.io/v1beta1: what pods and the node use, asked from the kubelet when somebody asks.

Nothing of it is stored: an answer joins the objects (which pods there are, their labels) with the
kubelet's last look at their processes, which is asked for on its control socket and kept for a
second. Without a kubelet the answer is 503, as from a cluster whose metrics server is down.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fission.base import clock
from fission.cluster.apiserver import hooks
from fission.meta import gvk, labels, objectmeta, quantity, status

Object = dict[str, Any]

POD_METRICS = gvk.Resource("metrics.k8s.io", "v1beta1", "PodMetrics", "pods")
NODE_METRICS = gvk.Resource("metrics.k8s.io", "v1beta1", "NodeMetrics", "nodes", False)
ANSWER_SECONDS = 2.0
FRESH_SECONDS = 1.0
"""How long an answer of the kubelet serves further requests."""
MAX_PACKET_BYTES = 512 * 1024
ATTEMPTS = 3
"""The kubelet may look again between two pages; then the first is asked for again."""


@dataclass(frozen=True)
class Look:
    """What the kubelet found at its last look."""

    node_name: str
    node: Object | None
    containers: Sequence[Object]


Ask = Callable[[], Look]
"""Asks the kubelet, blocking; raises OSError or ValueError."""


class Kubelet:
    """The kubelet's last look, at most a second old, asked for once for all who wait."""

    def __init__(self, ask: Ask, time: clock.Clock) -> None:
        self._ask = ask
        self._time = time
        self._lock = asyncio.Lock()
        self._look: Look | None = None
        self._until = 0.0

    async def look(self) -> Look:
        """Raises ServiceUnavailable when the kubelet does not answer."""
        async with self._lock:
            if self._look is None or self._time.monotonic() >= self._until:
                try:
                    self._look = await asyncio.to_thread(self._ask)
                except (OSError, ValueError) as error:
                    raise status.ServiceUnavailable(
                        f"the server is currently unable to handle the request: the kubelet, "
                        f"which measures what pods use, does not answer: {error}"
                    ) from error
                self._until = self._time.monotonic() + FRESH_SECONDS
            return self._look


def ask_socket(path: Path) -> Look:
    """All pages of the kubelet's answer; raises OSError and ValueError."""
    for _ in range(ATTEMPTS):
        found = _ask_once(path)
        if found is not None:
            return found
    raise ValueError("it looks faster than its answer can be read")


def _ask_once(path: Path) -> Look | None:
    containers: list[Object] = []
    start: int | None = 0
    number: int | None = None
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(str(path))
        while start is not None:
            connection.send(json.dumps({"op": "stats", "from": start}).encode())
            content = connection.recv(MAX_PACKET_BYTES)
            if not content:
                raise ValueError("the connection was closed")
            page = json.loads(content)
            if number is not None and page["number"] != number:
                return None
            number, start = page["number"], page.get("next")
            containers += page["containers"]
    return Look(page["name"], page.get("node"), containers)


# --- objects ------------------------------------------------------------------------------------


class Pods:
    """PodMetrics of the pods that run."""

    resource = POD_METRICS

    def __init__(self, kubelet: Kubelet, objects: hooks.Objects, time: clock.Clock) -> None:
        self._kubelet = kubelet
        self._objects = objects
        self._time = time

    async def read(self, namespace: str | None, name: str) -> list[Object]:
        look = await self._kubelet.look()
        wanted = [one for one in look.containers if namespace in (None, one["namespace"])]
        if name:
            wanted = [one for one in wanted if one["pod"] == name]
        get = self._objects.get
        return pod_metrics(
            wanted, lambda space, pod: get(gvk.PODS, space, pod), clock.format_rfc3339(self._now())
        )

    def _now(self) -> Any:
        return self._time.now()


class Nodes:
    """NodeMetrics of the one node."""

    resource = NODE_METRICS

    def __init__(self, kubelet: Kubelet, objects: hooks.Objects, time: clock.Clock) -> None:
        self._kubelet = kubelet
        self._objects = objects
        self._time = time

    async def read(self, namespace: str | None, name: str) -> list[Object]:
        look = await self._kubelet.look()
        node = self._objects.get(gvk.NODES, "", look.node_name)
        if node is None or look.node is None or name not in ("", look.node_name):
            return []
        now = clock.format_rfc3339(self._time.now())
        return [
            {
                **_head(NODE_METRICS, node, now),
                "timestamp": look.node["timestamp"],
                "window": duration(look.node["windowSeconds"]),
                "usage": used(look.node),
            }
        ]


def pod_metrics(
    containers: Iterable[Object], find: Callable[[str, str], Object | None], now: str
) -> list[Object]:
    """PodMetrics of measured containers, in the order of lists. Pure.

    A container counts for the pod with its uid only: not for a successor of the same name.
    """
    by_pod: dict[tuple[str, str], list[Object]] = {}
    for one in containers:
        by_pod.setdefault((one["namespace"], one["pod"]), []).append(one)
    found = []
    for key in sorted(by_pod):
        pod = find(*key)
        if pod is None:
            continue
        own = [one for one in by_pod[key] if one["uid"] == objectmeta.uid_of(pod)]
        if not own:
            continue
        earliest = min(own, key=lambda one: str(one["timestamp"]))
        found.append(
            {
                **_head(POD_METRICS, pod, now),
                "timestamp": earliest["timestamp"],
                "window": duration(earliest["windowSeconds"]),
                "containers": [{"name": one["container"], "usage": used(one)} for one in own],
            }
        )
    return found


def _head(resource: gvk.Resource, obj: Object, now: str) -> Object:
    meta: Object = {"name": objectmeta.name_of(obj)}
    if resource.namespaced:
        meta["namespace"] = objectmeta.namespace_of(obj)
    meta["creationTimestamp"] = now
    if labels.of(obj):
        meta["labels"] = dict(labels.of(obj))
    return {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}


def used(measured: Mapping[str, Any]) -> Object:
    return {
        "cpu": quantity.canonical(f"{measured['cpuNanocores']}n"),
        "memory": quantity.canonical(f"{measured['memoryBytes'] // 1024}Ki"),
    }


def duration(seconds: float) -> str:
    """``9.996s``, ``1m30s``: as Go writes durations."""
    minutes, rest = divmod(round(seconds, 3), 60)
    shown = f"{rest:.3f}".rstrip("0").rstrip(".")
    return f"{int(minutes)}m{shown}s" if minutes else f"{shown}s"
