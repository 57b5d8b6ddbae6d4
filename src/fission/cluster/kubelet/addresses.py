"""A loopback address for each pod, and the listening sockets on it.

Addresses are 127.A.B.C with A from the home's path, so two homes keep apart without knowing each
other; where they meet all the same, a bound port shows it and another address is taken. A port
that is taken on several fresh addresses belongs to a stranger on the wildcard address: then the
pod gets one of the reserved range, told through the pod's annotation before its address is. So it
does for a port that other pods could connect to (see `outbound`).

A freed address is handed out again last: late connections of old peers find nobody there.
"""

from __future__ import annotations

import collections
import errno
import hashlib
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from fission.cluster.kubelet import errors

RESERVED_PORTS = range(20000, 22000)
"""No pod may connect to these; below the kernel's ephemeral range (32768), above well-known
ones."""
POD_PORTS = range(20000, 21000)
"""For remapped ports."""
OWN_PORTS = range(21000, 22000)
"""For programs in pods of images that say `listens`; they alone may connect to these."""
BACKLOG = 1024
ADDRESS_TRIES = 4
QUARANTINE = 512
"""Freed addresses that wait before one is used again."""


@dataclass(frozen=True)
class Endpoint:
    """A pod's address and the ports that differ from the declared ones."""

    ip: str
    port_map: Mapping[int, int] = field(default_factory=dict)

    def real(self, declared: int) -> int:
        return self.port_map.get(declared, declared)


class Pool:
    """Who has which address. Sockets are opened here and owned by the caller."""

    def __init__(
        self, home: os.PathLike[str] | str, is_kept: Callable[[int], bool] = lambda port: True
    ) -> None:
        """`is_kept`: whether pods are kept from connecting to a port, so that one may serve it."""
        digest = hashlib.sha256(os.fsencode(os.path.abspath(home))).digest()
        self._second = 1 + digest[0] % 254
        """127.0.x.y is left to the machine itself."""
        self._next = int.from_bytes(digest[1:3], "big")
        self._used: set[str] = set()
        self._freed: collections.deque[str] = collections.deque()
        self._next_port = int.from_bytes(digest[3:5], "big") % len(POD_PORTS)
        self._next_own = int.from_bytes(digest[5:7], "big") % len(OWN_PORTS)
        self._is_kept = is_kept

    def claim(self, ip: str) -> None:
        """Mark an address that an adopted pod has."""
        self._used.add(ip)

    def release(self, ip: str) -> None:
        if ip in self._used:
            self._used.remove(ip)
            self._freed.append(ip)

    def acquire(self, ports: Iterable[int]) -> tuple[Endpoint, dict[int, socket.socket]]:
        """A fresh address with every declared port listening on it, by declared port."""
        wanted = list(ports)
        taken: set[int] = set()
        for attempt in range(ADDRESS_TRIES):
            ip = self._fresh()
            # Taken on one address may be a neighbour home; on the last try it is a stranger.
            remap = taken if attempt == ADDRESS_TRIES - 1 else set()
            try:
                sockets, port_map = self._open_all(ip, wanted, remap)
            except _Taken as error:
                self.release(ip)
                taken.add(error.port)
                continue
            return Endpoint(ip, port_map), sockets
        # Ports that turned out taken one after the other: remap each that was seen.
        ip = self._fresh()
        try:
            sockets, port_map = self._open_all(ip, wanted, set(wanted))
        except _Taken as error:
            self.release(ip)
            raise errors.AddressError(f"port {error.port} cannot be had on {ip}") from error
        return Endpoint(ip, port_map), sockets

    def reopen(self, endpoint: Endpoint, ports: Iterable[int]) -> dict[int, socket.socket]:
        """The same sockets again, for a container that is started again."""
        opened: dict[int, socket.socket] = {}
        try:
            for port in ports:
                opened[port] = listen(endpoint.ip, endpoint.real(port))
        except OSError as error:
            for sock in opened.values():
                sock.close()
            raise errors.AddressError(
                f"port {endpoint.real(port)} on {endpoint.ip} is not free: {error.strerror}"
            ) from error
        return opened

    def own_port(self) -> int:
        """A port of `OWN_PORTS` that nobody has on any address, for a program that listens by
        itself. Handed out in turn, so that two starts do not meet.
        """
        for _ in range(len(OWN_PORTS)):
            port = OWN_PORTS[self._next_own]
            self._next_own = (self._next_own + 1) % len(OWN_PORTS)
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
                try:
                    sock.bind(("", port))
                except OSError:
                    continue
            return port
        raise errors.AddressError(f"no port is free from {OWN_PORTS[0]} to {OWN_PORTS[-1]}")

    def _open_all(
        self, ip: str, ports: list[int], remap: set[int]
    ) -> tuple[dict[int, socket.socket], dict[int, int]]:
        opened: dict[int, socket.socket] = {}
        port_map: dict[int, int] = {}
        try:
            for port in ports:
                if not self._is_kept(port):
                    opened[port] = self._reserved(ip, port)
                    port_map[port] = opened[port].getsockname()[1]
                    continue
                try:
                    opened[port] = listen(ip, port)
                except OSError as error:
                    if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                        raise errors.AddressError(
                            f"{ip}:{port} cannot be opened: {error.strerror}"
                        ) from error
                    if port not in remap and error.errno == errno.EADDRINUSE:
                        raise _Taken(port) from error
                    opened[port] = self._reserved(ip, port)
                    port_map[port] = opened[port].getsockname()[1]
        except BaseException:
            for sock in opened.values():
                sock.close()
            raise
        return opened, port_map

    def _reserved(self, ip: str, declared: int) -> socket.socket:
        for _ in range(len(POD_PORTS)):
            port = POD_PORTS[self._next_port]
            self._next_port = (self._next_port + 1) % len(POD_PORTS)
            try:
                return listen(ip, port)
            except OSError:
                continue
        raise _Taken(declared)

    def _fresh(self) -> str:
        if len(self._freed) > QUARANTINE:
            ip = self._freed.popleft()
            if ip not in self._used:
                self._used.add(ip)
                return ip
        for _ in range(1 << 16):
            self._next = (self._next + 1) & 0xFFFF
            third, fourth = divmod(self._next, 256)
            ip = f"127.{self._second}.{third}.{fourth}"
            if fourth in (0, 255) or ip in self._used or ip in self._freed:
                continue
            self._used.add(ip)
            return ip
        raise errors.AddressError("no loopback address is left for another pod")


class _Taken(Exception):
    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.port = port


def listen(ip: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((ip, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock
