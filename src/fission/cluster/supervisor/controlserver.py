"""The supervisor's end of the control socket: reads questions, never waits for a slow asker."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import struct
from typing import TYPE_CHECKING, Any

from fission.cluster.supervisor import wire

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Answer = tuple[dict[str, Any], list[int]]

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 64


class ControlServer:
    """Accepts connections of the home's own user (and root) and answers one message at a time."""

    def __init__(
        self,
        path: Path,
        selector: selectors.BaseSelector,
        answer: Callable[[dict[str, Any]], Answer],
    ) -> None:
        self._selector = selector
        self._answer = answer
        self._connections: set[socket.socket] = set()
        self._path = path
        self._listener = wire.listen(str(path))
        self._listener.setblocking(False)
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def close(self) -> None:
        for connection in list(self._connections):
            self._drop(connection)
        self._selector.unregister(self._listener)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._connections) >= MAX_CONNECTIONS or not _is_own(connection):
            connection.close()
            return
        connection.setblocking(False)
        self._connections.add(connection)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._serve(connection))

    def _serve(self, connection: socket.socket) -> None:
        try:
            received = wire.receive(connection)
        except BlockingIOError:
            return
        except (OSError, wire.WireError) as error:
            log.warning("dropped a control connection: %s", error)
            received = None
        if received is None:
            self._drop(connection)
            return
        message, fds = received
        for fd in fds:
            os.close(fd)
        reply, out = self._answer(message)
        try:
            wire.send(connection, reply, out)
        except (OSError, wire.WireError) as error:
            log.warning("dropped a control connection: %s", error)
            self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        self._connections.discard(connection)
        with contextlib.suppress(KeyError):
            self._selector.unregister(connection)
        connection.close()


def _is_own(connection: socket.socket) -> bool:
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    )
    return uid in (0, os.getuid())
