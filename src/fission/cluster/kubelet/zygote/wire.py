"""JSON texts with file descriptors over a sequenced-packet Unix socket.

One packet is one text. Descriptors are plain numbers here, owned by whoever received them:
objects that close themselves must not exist in a process that forks.
"""

import array
import json
import os
import socket
from typing import Any

MAX_PACKET_BYTES = 512 * 1024
"""A container's environment and arguments; the kernel's default buffers hold less than half."""
MAX_DESCRIPTORS = 64
"""Of 253 that one packet can carry."""

_ROOM_FOR_DESCRIPTORS = socket.CMSG_SPACE(MAX_DESCRIPTORS * 4)


def prepare(connection: socket.socket) -> None:
    """Give a connection room for the largest packet, as far as the host allows."""
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        connection.setsockopt(socket.SOL_SOCKET, option, MAX_PACKET_BYTES)


def send(connection: socket.socket, message: dict[str, Any], descriptors: list[int]) -> None:
    """Send one packet or raise: BlockingIOError when the peer does not read, OSError when gone."""
    ancillary = []
    if descriptors:
        rights = array.array("i", descriptors).tobytes()
        ancillary.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, rights))
    text = json.dumps(message, separators=(",", ":")).encode()
    connection.sendmsg([text], ancillary, socket.MSG_NOSIGNAL)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next packet with its descriptors (close-on-exec); None when the peer has closed.

    A packet that was cut off or is not a JSON object raises ValueError; its descriptors are closed.
    """
    text, ancillary, flags, _ = connection.recvmsg(
        MAX_PACKET_BYTES, _ROOM_FOR_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
    )
    descriptors: list[int] = []
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            numbers = array.array("i")
            numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
            descriptors.extend(numbers)
    if not text and not descriptors:
        return None
    try:
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise ValueError("packet was cut off")
        message = json.loads(text)
        if not isinstance(message, dict):
            raise ValueError("packet is not a JSON object")
    except ValueError:
        close_all(descriptors)
        raise
    return message, descriptors


def close_all(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
