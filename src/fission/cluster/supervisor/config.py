"""`cluster.json`: what the composition root asks the supervisor to run.

    {"version": 1,
     "hostPorts": [{"namespace": "fission", "service": "router", "port": "http",
                    "hosts": ["127.0.0.1"], "hostPort": 8888, "flag": "--router-port"}],
     "apiserver": {"hosts": ["127.0.0.1"], "hostPort": 16443, "flag": "--apiserver-port",
                   "command": ["python", "-m", "..."], "env": {}},
     "kubelet": {"command": ["python", "-m", "..."], "env": {}},
     "stopGraceSeconds": 5}

`host` may stand for a one-element `hosts`. Port 0 asks for any free port; the chosen one is in
`state.json`. Unknown keys are kept out by name, so that a typing error is not silently ignored.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

VERSION = 1


class ConfigError(Exception):
    """`cluster.json` is missing or wrong; the message names the field."""


@dataclass(frozen=True)
class HostPort:
    """One Service port that is reachable from outside the cluster."""

    namespace: str
    """Where the Service is."""
    service: str
    """The Service's name; its pods get the socket."""
    port: str
    """The Service port's name."""
    hosts: tuple[str, ...]
    """Addresses of this machine to listen on; loopback unless told otherwise."""
    host_port: int
    """0 picks a free one."""
    flag: str
    """The option that changes the port; named when it is taken."""

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.service}/{self.port}"


@dataclass(frozen=True)
class Program:
    """One process to keep alive."""

    name: str
    """``apiserver`` or ``kubelet``; names its log file."""
    command: tuple[str, ...]
    """argv; started again whenever it ends."""
    env: Mapping[str, str]
    """Added to the supervisor's own environment."""


@dataclass(frozen=True)
class Config:
    """Everything the supervisor runs for one home."""

    host_ports: tuple[HostPort, ...]
    """Service ports that are reachable from outside the cluster."""
    apiserver_port: HostPort
    """Where the Kubernetes API listens with TLS."""
    apiserver: Program
    """The API server with reconcilers and scheduler."""
    kubelet: Program
    """The kubelet."""
    stop_grace_seconds: float
    """Seconds that pods may take to end on `stop`."""


def load(path: Path) -> Config:
    try:
        text = path.read_text()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{path} is not JSON: {error}") from error
    try:
        return parse(document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def parse(document: Any) -> Config:
    known = {
        "version", "hostPorts", "apiserver", "kubelet", "stopGraceSeconds",
        "host", "imageDirs", "nodeName", "note",
    }  # fmt: skip
    root = _mapping(document, "cluster.json")
    _refuse_unknown(root, known, "cluster.json")
    if root.get("version", VERSION) != VERSION:
        raise ConfigError(f"version: found {root['version']!r}, allowed is {VERSION}")
    ports = tuple(
        _host_port(entry, f"hostPorts[{index}]")
        for index, entry in enumerate(_list(root.get("hostPorts", []), "hostPorts"))
    )
    seen: set[str] = set()
    for port in ports:
        if port.key in seen:
            raise ConfigError(f"hostPorts: {port.key} is listed twice")
        seen.add(port.key)
    apiserver = _mapping(root.get("apiserver"), "apiserver")
    grace = root.get("stopGraceSeconds", 5)
    if not isinstance(grace, int | float) or isinstance(grace, bool) or grace < 0:
        raise ConfigError(f"stopGraceSeconds: found {grace!r}, allowed is a number >= 0")
    return Config(
        host_ports=ports,
        apiserver_port=_host_port(
            {"namespace": "", "service": "apiserver", "port": "https"}
            | {k: v for k, v in apiserver.items() if k in ("host", "hosts", "hostPort", "flag")},
            "apiserver",
        ),
        apiserver=_program("apiserver", apiserver),
        kubelet=_program("kubelet", _mapping(root.get("kubelet"), "kubelet")),
        stop_grace_seconds=float(grace),
    )


def _host_port(value: Any, where: str) -> HostPort:
    entry = _mapping(value, where)
    _refuse_unknown(
        entry, {"namespace", "service", "port", "host", "hosts", "hostPort", "flag"}, where
    )
    number = entry.get("hostPort")
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 65535:
        raise ConfigError(f"{where}.hostPort: found {number!r}, allowed is 0 to 65535")
    hosts = entry.get("hosts", [entry["host"]] if "host" in entry else ["127.0.0.1"])
    service = _text(entry.get("service"), f"{where}.service")
    return HostPort(
        namespace=_text(entry.get("namespace", "fission"), f"{where}.namespace", empty=True),
        service=service,
        port=_text(entry.get("port"), f"{where}.port"),
        hosts=tuple(_text(host, f"{where}.hosts") for host in _list(hosts, f"{where}.hosts")),
        host_port=number,
        flag=_text(entry.get("flag", f"--{service}-port"), f"{where}.flag"),
    )


def _program(name: str, entry: dict[str, Any]) -> Program:
    _refuse_unknown(entry, {"command", "env", "host", "hosts", "hostPort", "flag"}, name)
    command = tuple(
        _text(word, f"{name}.command", empty=True)
        for word in _list(entry.get("command"), f"{name}.command")
    )
    if not command:
        raise ConfigError(f"{name}.command: is empty, needs a program to run")
    env = _mapping(entry.get("env", {}), f"{name}.env")
    return Program(
        name=name,
        command=command,
        env={key: _text(value, f"{name}.env.{key}", empty=True) for key, value in env.items()},
    )


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: found {type(value).__name__}, needs an object")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ConfigError(f"{where}: found {type(value).__name__}, needs a list")
    return value


def _text(value: Any, where: str, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (value or empty):
        raise ConfigError(f"{where}: found {value!r}, needs text")
    return value


def _refuse_unknown(entry: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(entry) - known)
    if unknown:
        raise ConfigError(f"{where}: unknown field {unknown[0]!r}; known are {sorted(known)}")


def environment(program: Program, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    return {**base, **program.env}
