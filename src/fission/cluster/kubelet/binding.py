"""On which ports a container serves, and how its program comes by them. Pure.

Most programs take over sockets that are handed to them. A program that listens for itself
(`Image.binds`) has a relay above it, which holds the sockets and passes connections on: to the port
that the variable PORT names or, in a network of its own, to the port that the pod declares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fission.cluster.kubelet import errors, images
from fission.cluster.kubelet.zygote import messages

Obj = dict[str, Any]

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Binding:
    """How one container's program comes by its ports."""

    outbound: messages.Outbound
    relay_ports: tuple[int, ...] = ()
    """Where it listens by itself, for each of its sockets; empty: they are handed to it."""
    relay_hosts: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None


def plan(
    image: images.Image,
    mode: messages.Mode,
    asked: messages.Outbound,
    ports: Iterable[int],
    pod_ip: str,
    own_port: Callable[[], int],
) -> Binding:
    """What the image's program needs; ContainerConfigError where this machine cannot give it."""
    declared = tuple(ports)
    if not image.binds or not declared:
        return Binding(asked)
    hosts = (pod_ip, LOOPBACK)
    if image.binds == "containerPort":
        if mode != "full":
            raise errors.ContainerConfigError(
                f"image {image.name} listens on its containerPort by itself, for which it needs a "
                "network of its own; this machine gives none (see fission status). Let the program "
                'listen on the port that the variable PORT names, and say "binds": "PORT" in its '
                f"{images.MANIFEST}"
            )
        if asked not in ("default", "none"):
            raise errors.ContainerConfigError(
                f"image {image.name} listens on its containerPort by itself, in a network of its "
                "own that leads nowhere; an outbound policy other than none cannot be had with it. "
                f'Let the program listen on PORT, and say "binds": "PORT" in its {images.MANIFEST}'
            )
    if image.binds == "containerPort" or (asked == "none" and mode == "full"):
        return Binding("none", declared, hosts, _variables(pod_ip, declared))
    if asked == "none":
        raise errors.ContainerConfigError(
            f"image {image.name} listens by itself, and outbound none lets a program make no "
            "sockets on this machine, which gives it no network of its own (see fission status)"
        )
    chosen = tuple(own_port() for _ in declared)
    return Binding(asked, chosen, hosts, _variables(pod_ip, chosen))


def _variables(host: str, ports: tuple[int, ...]) -> dict[str, str]:
    return {"HOST": host, "PORT": str(ports[0])}


def ports_of(pod: Obj, find: Callable[[Obj], images.Image | None]) -> dict[str, dict[int, str]]:
    """Container → declared port → name of its socket.

    First what the spec declares, then what an image serves anyway; a port belongs to the first
    container that has it. Init containers serve nobody.
    """
    found: dict[str, dict[int, str]] = {}
    taken: set[int] = set()
    serving = [
        *(c for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy")),
        *pod["spec"]["containers"],
    ]
    for container in serving:
        image = find(container)
        by_number = {number: name for name, number in (image.ports if image else {}).items()}
        mine = found.setdefault(container["name"], {})
        for port in container.get("ports") or ():
            number = int(port["containerPort"])
            if number not in taken:
                mine[number] = port.get("name") or by_number.get(number) or f"port-{number}"
                taken.add(number)
    for container in serving:
        image, mine = find(container), found[container["name"]]
        if image is None or (mine and (image.binds or not image.confined)):
            continue
        for name, number in image.ports.items():
            if name not in mine.values() and number not in taken:
                mine[number] = name
                taken.add(number)
    return found
