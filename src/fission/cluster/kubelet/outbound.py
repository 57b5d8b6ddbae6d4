"""Where pods may connect to: the annotation's words, and the ports that are kept from everyone.

The kernel knows TCP ports here, not addresses. So the ports of the platform and of pods are taken
out by number, and pods listen on no others: `addresses.Pool` moves a declared port that is not
among these into the reserved range. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from fission.cluster.kubelet import addresses, errors
from fission.cluster.kubelet.zygote import messages

ANNOTATION = "kubelet/outbound"
"""`none`, `open` or `ports:443,5432`; absent: all but the platform's and other pods' ports."""
OWN_PORTS = ((addresses.OWN_PORTS.start, addresses.OWN_PORTS.stop - 1),)
OWN_PORTS_VARIABLE = "POD_LISTEN_PORTS"
"""`first-last`: where the programs of an image with `listens` may listen by themselves."""
LAST_PORT = 65535
_ALLOWED = "allowed are none, open, or ports: and numbers from 1 to 65535, as in ports:443,5432"


def parse(text: str | None) -> messages.Outbound:
    """The policy that the annotation asks for; ContainerConfigError for anything else."""
    if not text:
        return "default"
    if text == "none":
        return "none"
    if text == "open":
        return "open"
    kind, _, listed = text.partition(":")
    numbers = [number.strip() for number in listed.split(",")]
    if kind != "ports" or not all(_is_port(number) for number in numbers):
        raise errors.ContainerConfigError(f"annotation {ANNOTATION}: found {text!r}, {_ALLOWED}")
    return tuple(sorted({int(number) for number in numbers}))


def check(asked: messages.Outbound, kept: Iterable[messages.PortRange]) -> None:
    """Refuse a list with a port of the platform: on loopback it would lead to it."""
    if isinstance(asked, str):
        return
    ranges = tuple(kept)
    for port in asked:
        if contains(ranges, port):
            raise errors.ContainerConfigError(
                f"annotation {ANNOTATION}: port {port} is one of the platform's or of its pods' "
                "own, and the kernel tells ports apart, not addresses"
            )


def kept_ports(declared: set[int], public: set[int]) -> tuple[messages.PortRange, ...]:
    """What a pod must not connect to by default.

    `declared` are the platform's ports and those that images serve; `public` are ports of this
    machine that pods may call, although they are the platform's.
    """
    reserved = addresses.RESERVED_PORTS
    single = sorted(port for port in declared - public if port not in reserved)
    return (*((port, port) for port in single), (reserved.start, reserved.stop - 1))


def contains(ranges: Iterable[messages.PortRange], port: int) -> bool:
    return any(first <= port <= last for first, last in ranges)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= LAST_PORT
