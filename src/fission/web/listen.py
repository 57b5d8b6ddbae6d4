"""Listening sockets of a component: handed over by name, or bound here.

Handed-over sockets live on when the process is replaced, so no connection is refused meanwhile. A
name may come several times (a pod's own socket and one held for a host port): all are served.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

from fission.base import errors, podenv

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST_VARIABLE: Final = "LISTEN_HOST"
"""Address to bind where none was handed over; loopback unless somebody asks for more."""

BACKLOG: Final = 1024
"""Connections that may wait to be accepted; Linux cuts it to net.core.somaxconn."""


def sockets(env: Mapping[str, str], name: str, default_port: int) -> list[socket.socket]:
    """The sockets called `name`; call it once for each name, it takes their descriptors over."""
    taken: list[socket.socket] = []
    for handed_name, handed in podenv.listen_sockets(env).items():
        if handed_name == name:
            taken.extend(handed)
        else:
            for other in handed:
                other.detach()  # its own caller's, not ours to close
    return taken or [
        bind(env.get(HOST_VARIABLE) or "127.0.0.1", podenv.pod_port(default_port, env))
    ]


def bind(host: str, port: int) -> socket.socket:
    """Listen on an address; an error names it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise errors.SettingsError(f"cannot listen on {host}:{port}: {error.strerror}") from error
