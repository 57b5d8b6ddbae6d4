"""A network of one's own for a test that needs fixed ports: nobody else is in it.

A network namespace belongs to a thread: the test's body runs in one that has entered a new
namespace, and so do the programs which that thread starts. Only root may; where the caller is not
root the body runs in the machine's network.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable
from concurrent import futures

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1


def is_possible() -> bool:
    return os.geteuid() == 0


def run(body: Callable[[], None]) -> None:
    """Call the body; what it raises is raised here."""
    if not is_possible():
        body()
        return

    def inside() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "a network namespace was refused")
        with socket.socket() as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
        body()

    with futures.ThreadPoolExecutor(1) as pool:
        pool.submit(inside).result()
