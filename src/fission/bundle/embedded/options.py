"""The flags of ``up``, ``down`` and ``status``."""

from __future__ import annotations

import argparse
import ipaddress
import os
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass

from fission.base import errors, settings


@dataclass(frozen=True)
class Ports:
    """Host ports; 0 lets the system pick a free one."""

    router: int = 8888
    """Fission's own port for function traffic."""
    router_internal: int = 8889
    """Fission's own port for triggers and tests."""
    controller: int = 8887
    """One below the router's, since the original's 8888 is taken by it here."""
    apiserver: int = 16443
    """Kubernetes' usual 6443 belongs to a real cluster on the same machine."""


@dataclass(frozen=True)
class Options:
    """What one invocation asks for."""

    command: str
    """``up``, ``down`` or ``status``."""
    home: pathlib.Path
    """``FISSION_HOME``, or ``~/.fission``."""
    detach: bool = False
    """Return when the platform is ready, instead of staying."""
    ports: Ports = Ports()
    """Where it listens."""
    hosts: tuple[str, ...] = ("127.0.0.1",)
    """Addresses for function traffic and the Kubernetes API; loopback until somebody asks."""
    images: tuple[pathlib.Path, ...] = ()
    """Folders of images beside those that ship with Fission and the home's own."""
    auth: bool = False
    """Make the Secret with which the routes ask for tokens, unless it is there."""
    timeout_seconds: float = 60.0
    """How long a start or an end may take; a busy laptop needs some seconds."""
    output: str = ""
    """``json``, or empty for people."""


def parse(arguments: list[str], env: Mapping[str, str]) -> Options:
    """Read the command line; argparse ends the process for a misuse, with code 2."""
    parsed = _parser().parse_args(arguments)
    home = pathlib.Path(env.get("FISSION_HOME") or "~/.fission").expanduser().absolute()
    if parsed.command != "up":
        return Options(
            parsed.command,
            home,
            timeout_seconds=getattr(parsed, "timeout", 60.0),
            output=getattr(parsed, "output", ""),
        )
    return Options(
        "up",
        home,
        detach=parsed.detach,
        ports=_ports(parsed),
        hosts=_hosts(parsed.host or ["127.0.0.1"]),
        images=tuple(_folder(path) for path in parsed.images or ()),
        auth=parsed.auth,
        timeout_seconds=parsed.timeout,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fission", description="The platform on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the platform, or take over one that lost its head")
    up.add_argument("-d", "--detach", action="store_true", help="return as soon as it is ready")
    up.add_argument("--router-port", type=_port, metavar="N", help="functions (default 8888)")
    up.add_argument("--router-internal-port", type=_port, metavar="N", help="(default 8889)")
    up.add_argument("--controller-port", type=_port, metavar="N", help="REST API (default 8887)")
    up.add_argument("--apiserver-port", type=_port, metavar="N", help="(default 16443)")
    up.add_argument(
        "--ports", choices=["default", "auto"], default="default", help="auto: any free"
    )
    up.add_argument("--host", action="append", help="address to listen on (default 127.0.0.1)")
    up.add_argument("--images", action="append", metavar="DIR", help="more images (repeatable)")
    up.add_argument("--auth", action="store_true", help="the routes ask for tokens from now on")
    up.add_argument("--timeout", type=_seconds, default=60.0, help="to become ready (60s)")
    down = commands.add_parser("down", help="stop everything; what was declared is kept")
    down.add_argument("--timeout", type=_seconds, default=60.0, help="to end (60s)")
    status = commands.add_parser("status", help="what runs, and how it is isolated")
    status.add_argument("-o", "--output", choices=["", "json"], default="")
    return parser


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port; 0 to 65535 are")
    return number


def _seconds(text: str) -> float:
    try:
        return settings.parse_duration_seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _ports(parsed: argparse.Namespace) -> Ports:
    base = Ports(0, 0, 0, 0) if parsed.ports == "auto" else Ports()

    def pick(given: int | None, default: int) -> int:
        return default if given is None else given

    return Ports(
        router=pick(parsed.router_port, base.router),
        router_internal=pick(parsed.router_internal_port, base.router_internal),
        controller=pick(parsed.controller_port, base.controller),
        apiserver=pick(parsed.apiserver_port, base.apiserver),
    )


def _hosts(given: list[str]) -> tuple[str, ...]:
    """Resolve ``0.0.0.0`` to the addresses of the interfaces: the wildcard would take every pod's
    port as well."""
    hosts: list[str] = []
    for host in given:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            raise errors.InvalidInput(f"--host {host}: not an IP address") from None
        hosts.extend(_interface_addresses() if address.is_unspecified else [host])
    return tuple(dict.fromkeys(hosts))


def _folder(given: str) -> pathlib.Path:
    folder = pathlib.Path(given).expanduser().absolute()
    if not folder.is_dir():
        raise errors.InvalidInput(f"--images {given}: not a folder")
    if "," in str(folder):
        raise errors.InvalidInput(f"--images {given}: a comma in its path cannot be passed on")
    return folder


def _interface_addresses() -> list[str]:
    addresses = ["127.0.0.1"]
    for line in _fib_local_addresses():
        address = ipaddress.ip_address(line)
        if not address.is_loopback:
            addresses.append(line)
    return addresses


def _fib_local_addresses() -> list[str]:
    """Read this machine's own IPv4 addresses from the kernel's routing trie."""
    found: list[str] = []
    if not os.path.exists("/proc/net/fib_trie"):
        return found
    previous = ""
    with open("/proc/net/fib_trie", encoding="ascii") as table:
        for line in table:
            stripped = line.strip()
            if stripped == "/32 host LOCAL" and previous not in found:
                found.append(previous)
            if stripped.startswith("|--"):
                previous = stripped.split()[1]
    return found
