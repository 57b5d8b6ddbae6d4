"""What the kubelet and a spawner tell each other, as plain values.

Every class turns into JSON and back with ``to_dict`` and ``from_dict``; descriptors travel beside
the text (``wire``). Standard library only: a spawner imports this before it forks.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

Mode = Literal["full", "landlock", "none"]
Outbound = Literal["default", "none", "open"] | tuple[int, ...]
PortRange = tuple[int, int]
"""First and last port, both included."""

DEFAULT_TMP_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Mount:
    """A host directory or file that the container sees at ``mount_path``."""

    host_path: str
    mount_path: str
    read_only: bool = False

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "Mount":
        return cls(**raw)


@dataclass(frozen=True)
class Limits:
    """Bounds on one container; None is no bound of ours."""

    memory_bytes: int | None = None
    """A memory cgroup where there is one, otherwise the data segment of each process."""
    cpu_millis: int | None = None
    """Thousandths of one processor; honoured only where a cgroup can be made."""
    max_processes: int | None = None
    max_open_files: int | None = None
    max_file_bytes: int | None = None
    tmp_bytes: int = DEFAULT_TMP_BYTES
    """Size of the private /tmp, where the container has one."""

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "Limits":
        return cls(**raw)


@dataclass(frozen=True)
class Confinement:
    """How far a container is kept from the machine and from its neighbours."""

    mode: Mode = "none"
    outbound: Outbound = "default"
    """Where it may connect to: everything but ``blocked_ports``, nothing, everything, or the
    listed TCP ports alone."""
    uid: int | None = None
    """The user that the container becomes; only root can give one, and must."""
    hostname: str = ""
    blocked_ports: tuple[PortRange, ...] = ()
    """TCP ports of the platform and of other pods. ``default`` takes them from the spawner, which
    has adopted the list once for all its children (``ImageLaunch.blocked_ports``)."""

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "Confinement":
        values = dict(raw)
        if not isinstance(values.get("outbound", ""), str):
            values["outbound"] = tuple(values["outbound"])
        values["blocked_ports"] = _ranges(values.get("blocked_ports", ()))
        return cls(**values)


@dataclass(frozen=True)
class ContainerSpec:
    """One container to start. The n-th passed descriptor is the socket ``socket_names[n]``."""

    id: str
    argv: list[str]
    entry: str | None = None
    """``module:function``, called with ``argv`` in a fork of the spawner; None executes ``argv``."""
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
    extra_fd_names: tuple[str, ...] = ()
    """Descriptors passed after the sockets, each announced by the environment variable so named."""

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "ContainerSpec":
        values = dict(raw)
        values["mounts"] = tuple(Mount.from_dict(item) for item in values.get("mounts", ()))
        values["limits"] = Limits.from_dict(values.get("limits", {}))
        values["confinement"] = Confinement.from_dict(values.get("confinement", {}))
        values["socket_names"] = tuple(values.get("socket_names", ()))
        values["extra_fd_names"] = tuple(values.get("extra_fd_names", ()))
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

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "ImageLaunch":
        values = dict(raw)
        for name in ("preload", "pythonpath", "visible"):
            values[name] = tuple(values.get(name, ()))
        values["blocked_ports"] = _ranges(values.get("blocked_ports", ()))
        return cls(**values)


def to_dict(value: Any) -> dict[str, Any]:
    """Any value of this module as a JSON object."""
    return dataclasses.asdict(value)


def _ranges(raw: Any) -> tuple[PortRange, ...]:
    return tuple((int(first), int(last)) for first, last in raw)
