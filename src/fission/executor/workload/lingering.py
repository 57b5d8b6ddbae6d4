"""Which pods on their way out may go at once. Pure.

A pod that is being deleted sleeps for its whole grace period, so that it can answer whatever it was
given before routers saw it go. Routers report a request or tunnel in flight every few seconds, by
the pod's address: after a silence longer than that nothing is left in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fission.contracts import executor as wire
from fission.meta import objectmeta

Obj = dict[str, Any]

SILENCE_SECONDS: Final = wire.TAP_INTERVAL_SECONDS + 2.0


class Lingering:
    """Since when pods are going, and when they were last used."""

    def __init__(self) -> None:
        self._silent_since: dict[str, float] = {}
        """Host of a pod that is going → since when nothing was heard of it."""
        self._all_used_at = float("-inf")

    def used(self, address: str, now: float) -> None:
        """A router used ``host:port``; a name instead of an address may mean any pod."""
        host = address.rpartition(":")[0].strip("[]") or address
        if host in self._silent_since:
            self._silent_since[host] = now
        elif not _is_address(host):
            self._all_used_at = now

    def plan(self, going: Iterable[Obj], now: float) -> list[Obj]:
        """Those of the pods that are being deleted whose time is over."""
        pods = [pod for pod in going if (pod.get("status") or {}).get("podIP")]
        hosts = {pod["status"]["podIP"] for pod in pods}
        for host in self._silent_since.keys() - hosts:
            del self._silent_since[host]
        over = []
        for pod in pods:
            since = self._silent_since.setdefault(pod["status"]["podIP"], now)
            if now - max(since, self._all_used_at) >= SILENCE_SECONDS:
                over.append(pod)
        return sorted(over, key=objectmeta.name_of)


def _is_address(host: str) -> bool:
    return ":" in host or all(part.isdigit() for part in host.split("."))
