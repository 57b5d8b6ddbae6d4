"""What a container learns from whoever started it: sockets, real paths, real ports.

On Kubernetes a container's declared paths and ports are the real ones and nothing here changes
them. Where a host cannot give a process its own view of files or ports, the starter says where
things really are, in three variables:

- ``POD_VOLUME_PATHS``: JSON object, declared mount path → directory on this machine;
- ``POD_PORTS``: JSON object, declared container port → the port that is really bound;
- ``LISTEN_FDS`` / ``LISTEN_FDNAMES``: sockets already listening, in systemd's socket activation
  form (descriptors from 3 on, names joined by ``:``, here the names of container ports). A name
  may stand there more than once: a pod's own socket and one held for a host port.
"""

from __future__ import annotations

import json
import posixpath
import socket
from collections.abc import Mapping

from fission.base import errors

FIRST_HANDED_DESCRIPTOR = 3
"""``SD_LISTEN_FDS_START`` of systemd's sd_listen_fds(3)."""


def volume_path(declared: str, env: Mapping[str, str]) -> str:
    """Return where the declared path really is; the longest declared parent decides."""
    text = env.get("POD_VOLUME_PATHS")
    if not text:
        return declared
    table = _mapping("POD_VOLUME_PATHS", text)
    path = posixpath.normpath(declared)
    parent = path
    while True:
        real = table.get(parent)
        if real is not None:
            rest = path[len(parent) :].lstrip("/")
            return posixpath.join(str(real), rest) if rest else str(real)
        if parent in ("/", ""):
            return declared
        parent = posixpath.dirname(parent)


def pod_port(declared: int, env: Mapping[str, str]) -> int:
    """Return the port that is really bound for a declared container port of the own pod."""
    text = env.get("POD_PORTS")
    if not text:
        return declared
    return int(_mapping("POD_PORTS", text).get(str(declared), declared))


def listen_sockets(env: Mapping[str, str]) -> dict[str, list[socket.socket]]:
    """Return the listening sockets handed over, by name; empty when there are none.

    Call it once per process: each socket object owns its descriptor.
    """
    count = env.get("LISTEN_FDS", "")
    if not count.isdigit():
        return {}
    names = env.get("LISTEN_FDNAMES", "").split(":")
    sockets: dict[str, list[socket.socket]] = {}
    for index in range(int(count)):
        name = names[index] if index < len(names) and names[index] else "unknown"
        handed = socket.socket(fileno=FIRST_HANDED_DESCRIPTOR + index)
        handed.setblocking(False)
        sockets.setdefault(name, []).append(handed)
    return sockets


def _mapping(variable: str, text: str) -> dict[str, str]:
    try:
        table = json.loads(text)
    except ValueError as error:
        raise errors.SettingsError(f"{variable} is not JSON: {error}") from error
    if not isinstance(table, dict):
        raise errors.SettingsError(f"{variable} must be a JSON object, not {text[:80]!r}")
    return table
