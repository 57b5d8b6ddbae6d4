"""What a container is allowed, as plain values: the questions that a sandbox answers.

The values travel as JSON between the kubelet and a spawner (``zygote.messages``) and are acted upon
by ``enter``. ``conflicts`` says which asked-for promise a host cannot keep: those are refused by
name, never quietly weakened.
"""

from dataclasses import dataclass
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
    cpu_request_millis: int | None = None
    """Its share when processors are short, by the processes' nice value; None as one processor."""
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
    own_ports: tuple[PortRange, ...] = ()
    """TCP ports that the container's programs may listen on by themselves, and connect to. With
    ``default`` they come from the spawner, too."""

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "Confinement":
        values = dict(raw)
        if not isinstance(values.get("outbound", ""), str):
            values["outbound"] = tuple(values["outbound"])
        values["blocked_ports"] = _ranges(values.get("blocked_ports", ()))
        values["own_ports"] = _ranges(values.get("own_ports", ()))
        return cls(**values)


def _ranges(raw: Any) -> tuple[PortRange, ...]:
    return tuple((int(first), int(last)) for first, last in raw)


class PolicyError(Exception):
    """A container asks for what this host or this spawner cannot keep; the message names it."""
