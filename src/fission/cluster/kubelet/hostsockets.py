"""Listening sockets of the machine that Services of type LoadBalancer stand behind.

The supervisor opened them; this is the kubelet's copy, handed on to the platform pods that such a
Service selects, and given back to a supervisor that was killed and comes again.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fission.meta import selectors

Obj = dict[str, Any]


@dataclass(frozen=True)
class HostSocket:
    """One listening socket for one Service port."""

    namespace: str
    service: str
    port: str
    host: str
    host_port: int
    sock: socket.socket


class HostSockets:
    """All of the machine's sockets that this node may hand on."""

    def __init__(self, service: Callable[[str, str], Obj | None]) -> None:
        self._service = service
        self._sockets: list[HostSocket] = []
        self._recovered: dict[tuple[str, int], socket.socket] = {}

    def keep(self, listed: list[Obj], fds: list[int]) -> None:
        """Take what the supervisor handed over; what is known already is only closed."""
        known = {(e.host, e.host_port) for e in self._sockets}
        for entry, fd in zip(listed, fds, strict=True):
            address = (entry["host"], int(entry["hostPort"]))
            if address in known:
                os.close(fd)
                continue
            nameless = self._recovered.pop(address, None)
            if nameless is not None:
                nameless.close()
            self._sockets.append(
                HostSocket(
                    entry["namespace"],
                    entry["service"],
                    entry["port"],
                    entry["host"],
                    int(entry["hostPort"]),
                    socket.socket(fileno=fd),
                )
            )

    def keep_recovered(self, fds: list[int]) -> None:
        """Keep those of a pod's sockets that are the machine's and not known yet."""
        known = {(entry.host, entry.host_port) for entry in self._sockets}
        for fd in fds:
            sock = socket.socket(fileno=fd)
            address: Any = b""
            with contextlib.suppress(OSError):
                address = sock.getsockname()
            is_tcp = isinstance(address, tuple)
            key = (address[0], address[1]) if is_tcp else ("", 0)
            own = is_tcp and not _is_pod_address(address[0])
            if own and key not in known and key not in self._recovered:
                self._recovered[key] = sock
            else:
                sock.close()

    @property
    def has_nameless(self) -> bool:
        """Whether a pod's socket was recovered of which nobody has said what it is for."""
        return bool(self._recovered)

    @property
    def named(self) -> int:
        """How many are known with their Service."""
        return len(self._sockets)

    def all(self) -> tuple[list[Obj], list[int]]:
        """For a supervisor that lost its own: what they are, and the descriptors."""
        listed = [
            {
                "namespace": e.namespace,
                "service": e.service,
                "port": e.port,
                "host": e.host,
                "hostPort": e.host_port,
            }
            for e in self._sockets
        ]
        fds = [e.sock.fileno() for e in self._sockets]
        for (host, port), sock in self._recovered.items():
            listed.append({"host": host, "hostPort": port})
            fds.append(sock.fileno())
        return listed, fds

    def namespaces(self) -> set[str]:
        return {entry.namespace for entry in self._sockets if entry.namespace}

    def ports(self) -> set[int]:
        return {e.host_port for e in self._sockets} | {port for _, port in self._recovered}

    def find(self, key: str) -> tuple[str, int] | None:
        """Where the host port `namespace/service/port` listens; on loopback if it does there."""
        found = [
            (e.host, e.host_port)
            for e in self._sockets
            if f"{e.namespace}/{e.service}/{e.port}" == key
        ]
        found.sort(key=lambda address: not address[0].startswith("127."))
        return found[0] if found else None

    def apiserver(self) -> tuple[str, int] | None:
        """Where pods reach the API server."""
        for entry in self._sockets:
            if not entry.namespace and entry.service == "apiserver":
                return entry.host, entry.host_port
        return None

    def copies_for(self, pod: Obj, ports: Mapping[int, str]) -> list[tuple[str, int]]:
        """(socket name, descriptor) of every host port whose Service selects the pod."""
        return [(name, os.dup(e.sock.fileno())) for e, name in self._chosen(pod, ports)]

    def addresses_for(self, pod: Obj, ports: Mapping[int, str]) -> frozenset[tuple[str, int]]:
        """The same as addresses, for comparing."""
        return frozenset((e.host, e.host_port) for e, _ in self._chosen(pod, ports))

    def _chosen(self, pod: Obj, ports: Mapping[int, str]) -> list[tuple[HostSocket, str]]:
        found: list[tuple[HostSocket, str]] = []
        for entry in self._sockets:
            if entry.namespace != pod["metadata"]["namespace"]:
                continue
            service = self._service(entry.namespace, entry.service)
            if service is None or not selects(service, pod):
                continue
            name = target_name(service, entry.port, ports)
            if name is not None:
                found.append((entry, name))
        return found

    def ingress(self, service: Obj) -> list[Obj] | None:
        """The `status.loadBalancer.ingress` of a Service; None when it has no host port."""
        meta = service["metadata"]
        mine = [
            e
            for e in self._sockets
            if (e.namespace, e.service) == (meta["namespace"], meta["name"])
        ]
        if not mine or service["spec"].get("type") != "LoadBalancer":
            return None
        hosts = dict.fromkeys(e.host for e in mine)
        return [
            {
                "ip": host,
                "ports": [{"port": e.host_port, "protocol": "TCP"} for e in mine if e.host == host],
            }
            for host in hosts
        ]

    def close(self) -> None:
        for entry in self._sockets:
            entry.sock.close()
        for sock in self._recovered.values():
            sock.close()
        self._sockets.clear()
        self._recovered.clear()


def selects(service: Obj, pod: Obj) -> bool:
    selector = service["spec"].get("selector")
    if service["spec"].get("type") != "LoadBalancer" or not selector:
        return False
    labels = pod["metadata"].get("labels") or {}
    return selectors.LabelSelector.from_dict({"matchLabels": selector}).matches(labels)


def target_name(service: Obj, port_name: str, ports: Mapping[int, str]) -> str | None:
    """The socket name of the container port behind a Service's port; None when it has none."""
    for port in service["spec"].get("ports") or ():
        if (port.get("name") or "") not in (port_name, ""):
            continue
        target = port.get("targetPort", port["port"])
        for number, name in ports.items():
            if target in (number, str(number), name):
                return name
    return None


def _is_pod_address(host: str) -> bool:
    """Pods live in 127/8 outside of 127.0/16 (see `addresses`)."""
    return host.startswith("127.") and not host.startswith("127.0.")
