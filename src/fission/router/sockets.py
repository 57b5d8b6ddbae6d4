"""What the system is asked to do for connections: to allow them, and to notice gone peers.

A machine that loses power, or a network that forgets a connection, says nothing. Keepalive asks a
silent peer; the user timeout bounds how long sent bytes stay without an answer.
"""

from __future__ import annotations

import resource
import socket
from typing import Final

SPARE_FILES: Final = 256
"""Open files that are no connections of clients or pods."""

PROBES: Final = 3
"""Questions without an answer after which the peer counts as gone."""

MARGIN_SECONDS: Final = 10.0
"""The kernel's bound lies behind ours, which knows a reason to tell."""


def probe_peer(sock: socket.socket, silence_seconds: float, stall_seconds: float) -> None:
    """Notice a peer that vanished after twice `silence_seconds`; 0 asks nothing.

    `stall_seconds` is how long a peer may leave bytes waiting that it could have taken.
    """
    if not silence_seconds or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    pause = max(1, round(silence_seconds / PROBES))
    bound = max(2 * silence_seconds, stall_seconds + MARGIN_SECONDS)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", max(1, round(silence_seconds))),
        ("TCP_KEEPINTVL", pause),
        ("TCP_KEEPCNT", PROBES),
        ("TCP_USER_TIMEOUT", round(bound * 1000)),
    ):
        option = getattr(socket, name, None)  # Linux has them all
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def allow_connections(count: int) -> int:
    """Have the system let this process hold so many connections; returns how many it may.

    Processes begin with a limit of 1024 open files, so that `select` works; nothing here uses it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + SPARE_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return count
    granted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    return max(granted - SPARE_FILES, 1)
