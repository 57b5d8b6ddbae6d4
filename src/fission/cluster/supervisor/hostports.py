"""Listening sockets of the host ports: opened here, kept here, handed to whoever serves them."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fission.cluster.supervisor import config

BACKLOG = 1024
"""Connections that wait while their server is replaced (the kernel caps it at somaxconn)."""


class PortTaken(Exception):
    """A host port cannot be had; the message names the option that changes it."""


@dataclass
class Bound:
    """One host port with its sockets, one per address."""

    spec: config.HostPort
    sockets: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.sockets[0].getsockname()[1])

    def describe(self) -> dict[str, Any]:
        return {
            "namespace": self.spec.namespace,
            "service": self.spec.service,
            "port": self.spec.port,
            "hosts": [sock.getsockname()[0] for sock in self.sockets],
            "hostPort": self.port,
        }


def open_one(spec: config.HostPort, number: int) -> list[socket.socket]:
    """Listen on every address of a host port; all or none."""
    opened: list[socket.socket] = []
    try:
        for host in spec.hosts:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            opened.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, number or (opened[0].getsockname()[1] if len(opened) > 1 else 0)))
            sock.listen(BACKLOG)
            sock.setblocking(False)
    except OSError as error:
        for sock in opened:
            sock.close()
        raise PortTaken(_message(spec, host, number, error)) from error
    return opened


def _message(spec: config.HostPort, host: str, number: int, error: OSError) -> str:
    what = f"port {number} on {host} for {spec.service}"
    if error.errno == errno.EADDRINUSE:
        return f"{what} is taken by another program; choose another with {spec.flag}"
    if error.errno == errno.EACCES:
        return f"{what} needs privileges that this user lacks; choose another with {spec.flag}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{what}: no interface of this machine has that address (--host)"
    return f"{what} cannot be opened: {error.strerror} ({spec.flag})"


def match(spec: config.HostPort, number: int, found: Iterable[socket.socket]) -> Bound | None:
    """The sockets among `found` that are this host port's, if every address has one."""
    by_address = {(sock.getsockname()[0], sock.getsockname()[1]): sock for sock in found}
    chosen = [by_address.get((host, number)) for host in spec.hosts]
    sockets = [sock for sock in chosen if sock is not None]
    return Bound(spec, sockets) if number and len(sockets) == len(spec.hosts) else None


def adopt(fds: Iterable[int]) -> list[socket.socket]:
    """Sockets from received descriptors; what is no listening socket is closed."""
    sockets: list[socket.socket] = []
    for fd in fds:
        try:
            sock = socket.socket(fileno=fd)
        except OSError:
            os.close(fd)
            continue
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            sock.close()
            continue
        sock.setblocking(False)
        sockets.append(sock)
    return sockets
