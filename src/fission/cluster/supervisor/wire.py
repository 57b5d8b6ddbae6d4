"""Control messages: one JSON object per SEQPACKET datagram, descriptors beside it by SCM_RIGHTS."""

from __future__ import annotations

import array
import json
import os
import socket
from typing import Any

MAX_MESSAGE_BYTES = 128 * 1024
MAX_DESCRIPTORS = 250
"""The kernel passes at most 253 with one message (SCM_MAX_FD)."""


class WireError(Exception):
    """The other side sent something that is not a control message, or went away."""


def send(sock: socket.socket, message: dict[str, Any], fds: list[int] | None = None) -> None:
    data = json.dumps(message, separators=(",", ":")).encode()
    if len(data) > MAX_MESSAGE_BYTES:
        raise WireError(f"message of {len(data)} bytes, allowed are {MAX_MESSAGE_BYTES}")
    ancillary = (
        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds).tobytes())] if fds else []
    )
    sock.sendmsg([data], ancillary)


def receive(sock: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next message and its descriptors (close-on-exec); None at the end of the stream."""
    size = array.array("i").itemsize
    data, ancillary, flags, _ = sock.recvmsg(
        MAX_MESSAGE_BYTES, socket.CMSG_SPACE(MAX_DESCRIPTORS * size), socket.MSG_CMSG_CLOEXEC
    )
    fds: list[int] = []
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received = array.array("i")
            received.frombytes(payload[: len(payload) - len(payload) % size])
            fds.extend(received)
    if not data and not fds:
        return None
    try:
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            raise WireError("message was cut off")
        message = json.loads(data)
        if not isinstance(message, dict):
            raise WireError("message is not a JSON object")
    except (ValueError, WireError) as error:
        for fd in fds:
            os.close(fd)
        raise WireError(str(error)) from error
    return message, fds


def connect(path: str, timeout_seconds: float) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        sock.settimeout(timeout_seconds)
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock


def ask(
    path: str, message: dict[str, Any], timeout_seconds: float
) -> tuple[dict[str, Any], list[int]]:
    """One question, one answer, on a connection of its own."""
    with connect(path, timeout_seconds) as sock:
        send(sock, message)
        answer = receive(sock)
    if answer is None:
        raise WireError("the other side closed the connection without an answer")
    return answer


def listen(path: str) -> socket.socket:
    """A fresh control socket (0600 by the caller's umask and the folder's 0700)."""
    if os.path.exists(path):
        os.unlink(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    try:
        sock.bind(path)
        os.chmod(path, 0o600)
        sock.listen(16)
    except OSError:
        sock.close()
        raise
    return sock
