"""Ports for programs that listen by themselves, and whose program it is that listens on one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
from collections.abc import Mapping

from fission_binary import errors

HOST = "127.0.0.1"
PORTS_VARIABLE = "POD_LISTEN_PORTS"
"""``first-last``: ports that programs of this pod may listen on; absent where they may on all."""

_LISTENING = "0A"
"""How ``/proc/net/tcp`` writes the state of a listening socket."""


def pick(env: Mapping[str, str]) -> int:
    """A port that nobody listens on, on any address; another one each time."""
    text = env.get(PORTS_VARIABLE)
    candidates = [0]
    if text:
        first, _, last = text.partition("-")
        allowed = range(int(first), int(last) + 1)
        candidates = random.sample(allowed, len(allowed))
    for port in candidates:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return int(probe.getsockname()[1])
    raise errors.LoadError(f"nothing is free among the ports {PORTS_VARIABLE}={text}")


async def takes_connections(port: int) -> bool:
    """Whether somebody listens there and accepts."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def is_strangers(port: int) -> bool:
    """Whether a process that listens there is none of this pod's, as far as can be seen.

    Where processes cannot be looked at (a sandbox without namespaces) nobody is a stranger.
    """
    listening = _listening_sockets(port)
    if not listening:
        return False
    try:
        processes = [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return False
    return not any(listening & _open_files(process) for process in processes)


def _listening_sockets(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open(f"/proc/self/net/{table}") as file:
            for line in file:
                words = line.split()
                if words[3] == _LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{words[9]}]")
    return found


def _open_files(process: str) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{process}/fd"):
            with contextlib.suppress(OSError):
                found.add(os.readlink(f"/proc/{process}/fd/{name}"))
    return found
