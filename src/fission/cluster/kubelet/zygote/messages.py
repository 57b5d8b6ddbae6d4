"""What the kubelet and a spawner tell each other, as plain values.

Every class turns into JSON and back with ``to_dict`` and ``from_dict``; descriptors travel beside
the text (``wire``). Standard library only: a spawner imports this before it forks.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from fission.cluster.kubelet.sandbox.policy import (
    Confinement as Confinement,
)
from fission.cluster.kubelet.sandbox.policy import (
    Limits as Limits,
)
from fission.cluster.kubelet.sandbox.policy import (
    Mode as Mode,
)
from fission.cluster.kubelet.sandbox.policy import (
    Mount as Mount,
)
from fission.cluster.kubelet.sandbox.policy import (
    Outbound as Outbound,
)
from fission.cluster.kubelet.sandbox.policy import (
    PortRange as PortRange,
)


@dataclass(frozen=True)
class ContainerSpec:
    """One container to start. The n-th passed descriptor is the socket ``socket_names[n]``."""

    id: str
    argv: list[str]
    entry: str | None = None
    """``module:function``, called with ``argv`` in a fork of the spawner; None: ``argv`` is run."""
    env: dict[str, str] = field(default_factory=dict)
    """The whole environment; nothing of the spawner's own is added but ``LISTEN_*``."""
    cwd: str = "/"
    mounts: tuple[Mount, ...] = ()
    limits: Limits = field(default_factory=Limits)
    confinement: Confinement = field(default_factory=Confinement)
    socket_names: tuple[str, ...] = ()
    image_root: str | None = None
    """The image's folder: visible read-only at its own path."""
    hold_sockets: bool = False
    """The spawner keeps a copy of the sockets, so that connections wait while the container is
    replaced. For platform containers; a function that died must refuse."""
    init: bool = False
    """A small init is process 1 and the program its child: for programs that do not reap."""
    relay_ports: tuple[int, ...] = ()
    """The program listens by itself, on the n-th port for the n-th socket: a relay above it holds
    the sockets. Empty: the program takes them over."""
    relay_hosts: tuple[str, ...] = ()
    """Where the relay looks for the program, in turn."""
    extra_fd_names: tuple[str, ...] = ()
    """Descriptors passed after the sockets, each announced by the environment variable so named."""

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "ContainerSpec":
        values = dict(raw)
        values["mounts"] = tuple(Mount.from_dict(item) for item in values.get("mounts", ()))
        values["limits"] = Limits.from_dict(values.get("limits", {}))
        values["confinement"] = Confinement.from_dict(values.get("confinement", {}))
        values["socket_names"] = tuple(values.get("socket_names", ()))
        for name in ("extra_fd_names", "relay_ports", "relay_hosts"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)


@dataclass(frozen=True)
class ContainerState:
    """What a spawner knows of one container."""

    id: str
    pid: int
    """As the host counts, also where the container counts for itself."""
    start_time_ticks: int
    """Field 22 of ``/proc/PID/stat``: with the pid and the boot it names one process for ever."""
    boot_id: str
    exit_code: int | None = None
    signal: int | None = None
    oom: bool = False
    started_at: float = 0.0
    """Seconds since the epoch."""
    finished_at: float | None = None
    confinement: tuple[str, ...] = ()
    """Promises that this container's confinement does not keep, one sentence each."""

    @property
    def running(self) -> bool:
        return self.exit_code is None and self.signal is None

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "ContainerState":
        return cls(**{**raw, "confinement": tuple(raw.get("confinement", ()))})


@dataclass(frozen=True)
class ImageLaunch:
    """One spawner to start: what its containers have in common."""

    name: str
    """Also the name of its socket: letters, digits, dot and dash."""
    python: str
    entry: str | None = None
    """``module:function``; the module is imported before the first fork."""
    preload: tuple[str, ...] = ()
    pythonpath: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    confined: bool = True
    working_dir: str = "/"
    visible: tuple[str, ...] = ()
    """Further host paths that confined containers see read-only, at the same place."""
    outbound: Literal["default", "chosen"] = "chosen"
    """``default``: the spawner adopts the list of all TCP ports but ``blocked_ports``, and every
    container of it has just that policy. ``chosen``: each container's own, never ``default``."""
    blocked_ports: tuple[PortRange, ...] = ()
    own_ports: tuple[PortRange, ...] = ()
    """With ``default``: ports that its containers may listen on and connect to all the same."""

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "ImageLaunch":
        values = dict(raw)
        for name in ("preload", "pythonpath", "visible"):
            values[name] = tuple(values.get(name, ()))
        values["blocked_ports"] = _ranges(values.get("blocked_ports", ()))
        values["own_ports"] = _ranges(values.get("own_ports", ()))
        return cls(**values)


def to_dict(value: Any) -> dict[str, Any]:
    """Any value of this module as a JSON object."""
    return dataclasses.asdict(value)


def _ranges(raw: Any) -> tuple[PortRange, ...]:
    return tuple((int(first), int(last)) for first, last in raw)
