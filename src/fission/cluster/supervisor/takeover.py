"""What a new supervisor inherits from one that was killed.

Order matters: sockets first (a process that is ended takes its copies with it), then the old
API server and kubelet, each by pid *and* start time *and* boot id. Pods are not touched: their
spawners hold them until the next kubelet comes. After a reboot nothing recorded is alive, and
the record is only dropped.
"""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING, Any

from fission.cluster.supervisor import hostports, processes, wire

if TYPE_CHECKING:
    import socket
    from pathlib import Path

log = logging.getLogger(__name__)

END_GRACE_SECONDS = 3.0


def survivors(state: dict[str, Any], boot_id: str) -> dict[str, processes.Identity]:
    """The recorded processes that still run, by name."""
    if state.get("bootId") != boot_id:
        return {}
    alive: dict[str, processes.Identity] = {}
    for entry in state.get("processes", []):
        pid, started = entry.get("pid"), entry.get("startTime")
        if not pid or not started:
            continue
        identity = processes.Identity(int(pid), int(started))
        if processes.is_alive(identity):
            alive[str(entry.get("name"))] = identity
    return alive


def fetch_sockets(kubelet_socket: Path, timeout_seconds: float) -> list[socket.socket]:
    """The host sockets that a living kubelet keeps copies of."""
    try:
        message, fds = wire.ask(str(kubelet_socket), {"op": "host-sockets"}, timeout_seconds)
    except (OSError, wire.WireError) as error:
        log.debug("kubelet gave no host sockets: %s", error)
        return []
    if "error" in message:
        for fd in fds:
            with contextlib.suppress(OSError):
                os.close(fd)
        return []
    return hostports.adopt(fds)


def end_old(alive: dict[str, processes.Identity]) -> None:
    """End the old API server and kubelet. A kubelet that is only terminated leaves its pods."""
    for name in ("kubelet", "apiserver"):
        identity = alive.get(name)
        if identity is not None:
            log.info("ended %s of an earlier supervisor (pid %d)", name, identity.pid)
            processes.end(identity, END_GRACE_SECONDS)
