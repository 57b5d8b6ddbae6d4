"""The kubelet's control socket: status for people, host sockets for the supervisor, the shutdown.

One JSON datagram asks, one answers (the supervisor's wire form). Only the home's user and root.

    {"op": "status"}                      processes, isolation, number of pods
    {"op": "stats", "from": n}            what containers and the node use, a page at a time
    {"op": "host-sockets"}                what and descriptors, for a supervisor that lost its own
    {"op": "shutdown", "graceSeconds": s} end every pod and spawner, then the kubelet
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fission.cluster.kubelet.zygote import wire

log = logging.getLogger(__name__)

Obj = dict[str, Any]
Answer = Callable[[Obj], tuple[Obj, list[int]]]


class ControlServer:
    """Answers questions on a SEQPACKET socket."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self._path = path
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._connections: set[socket.socket] = set()
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(16)
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._accept)

    def close(self) -> None:
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for connection in list(self._connections):
            self._drop(connection)
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if struct.unpack("3i", credentials)[1] not in (0, os.getuid()):
            connection.close()
            return
        connection.setblocking(False)
        self._connections.add(connection)
        self._loop.add_reader(connection, self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            packet = wire.receive(connection)
        except BlockingIOError:
            return
        except (OSError, ValueError) as error:
            log.warning("control message was not readable: %s", error)
            packet = None
        if packet is None:
            self._drop(connection)
            return
        message, descriptors = packet
        wire.close_all(descriptors)
        reply, out = self._answer(message)
        try:
            wire.send(connection, reply, out)
        except OSError as error:
            log.warning("control answer was not sent: %s", error)
            self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        self._connections.discard(connection)
        with contextlib.suppress(ValueError):
            self._loop.remove_reader(connection)
        connection.close()


def ask_supervisor(path: Path, timeout_seconds: float) -> tuple[list[Obj], list[int]]:
    """The host sockets that the supervisor holds; empty without a supervisor. Blocks briefly."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with sock:
        try:
            sock.settimeout(timeout_seconds)
            sock.connect(str(path))
            wire.send(sock, {"op": "sockets"}, [])
            packet = wire.receive(sock)
        except (OSError, ValueError) as error:
            log.info("no supervisor gave host sockets: %s", error)
            return [], []
    if packet is None:
        return [], []
    message, fds = packet
    listed = message.get("sockets") or []
    if len(listed) != len(fds):
        wire.close_all(fds)
        return [], []
    return listed, fds
