"""Landlock: which files, TCP ports and neighbours a process may reach, as far as the kernel knows.

Two users. A spawner adopts the list of all TCP ports but the platform's once, and its children
inherit it for nothing; 65 000 rules made per child would cost over 100 ms, and any further layer on
top of them copies the list (about 17 ms and 4 MB, measured), so in full mode such children add
none. Children with another policy take a small ruleset of their own. In landlock mode the ruleset
is also the only guard of files, and pays for that copy.
"""

import ctypes
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import landlockpy

from fission.cluster.kubelet.sandbox import policy

ABI_PORTS = 4
"""Linux 6.7."""
ABI_SCOPES = 6
"""Linux 6.12: signals and abstract sockets."""
LAST_PORT = 65535

_ADD_RULE = 445
_RULE_NET_PORT = 2
_NO_FILES = landlockpy.AccessFS.NONE
_NO_PORTS = landlockpy.AccessNet.NONE
_SCOPES = landlockpy.Scope.SIGNAL | landlockpy.Scope.ABSTRACT_UNIX_SOCKET
_TCP = landlockpy.AccessNet.BIND_TCP | landlockpy.AccessNet.CONNECT_TCP

_READ = landlockpy.AccessFS.READ_FILE | landlockpy.AccessFS.READ_DIR | landlockpy.AccessFS.EXECUTE
_DEVICE = landlockpy.AccessFS.READ_FILE | landlockpy.AccessFS.WRITE_FILE
_WRITE = (
    _READ
    | landlockpy.AccessFS.WRITE_FILE
    | landlockpy.AccessFS.REMOVE_DIR
    | landlockpy.AccessFS.REMOVE_FILE
    | landlockpy.AccessFS.MAKE_DIR
    | landlockpy.AccessFS.MAKE_REG
    | landlockpy.AccessFS.MAKE_SOCK
    | landlockpy.AccessFS.MAKE_FIFO
    | landlockpy.AccessFS.MAKE_SYM
    | landlockpy.AccessFS.REFER
    | landlockpy.AccessFS.TRUNCATE
)
_SHARED_MEMORY = (
    landlockpy.AccessFS.READ_FILE
    | landlockpy.AccessFS.WRITE_FILE
    | landlockpy.AccessFS.MAKE_REG
    | landlockpy.AccessFS.REMOVE_FILE
    | landlockpy.AccessFS.TRUNCATE
)
"""In ``/dev/shm``, for semaphores and shared memory of one's own: names are there for who knows
them, but the directory cannot be listed."""
_FILE_RIGHTS = (
    landlockpy.AccessFS.READ_FILE
    | landlockpy.AccessFS.WRITE_FILE
    | landlockpy.AccessFS.EXECUTE
    | landlockpy.AccessFS.TRUNCATE
    | landlockpy.AccessFS.IOCTL_DEV
)
"""What a rule on something that is no directory may say."""

SYSTEM_PATHS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc")
DEVICE_PATHS = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
PROCESS_PATHS = (
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/loadavg",
    "/proc/uptime",
    "/proc/filesystems",
    "/proc/sys/kernel/cap_last_cap",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/sys/kernel/mm/transparent_hugepage",
)


@dataclass(frozen=True)
class Files:
    """What a process without a root of its own may see."""

    readable: tuple[str, ...]
    writable: tuple[str, ...]


def abi() -> int:
    """The kernel's Landlock version; 0 where it was not built or is off."""
    try:
        return landlockpy.abi_version()
    except (landlockpy.UnsupportedError, OSError):
        return 0


def adopt_all_ports_but(
    blocked: Sequence[policy.PortRange],
    own: Sequence[policy.PortRange] = (),
    *,
    files_follow: bool = False,
) -> None:
    """Bind this process and all its future children to every TCP port but ``blocked``.

    Binding is allowed to ports that the kernel chooses and to ``own``, nowhere else: no child may
    stand where a neighbour will listen. ``own`` may be connected to, blocked or not. Signals and
    abstract sockets end at the same border.

    ``files_follow``: children add rules on files. From then on the kernel lets nobody move a file
    between folders unless every layer says so, this one too; but a layer that says so forbids all
    mounting, so that children with a root of their own must not inherit it.
    """
    moves = landlockpy.AccessFS.REFER if files_follow else _NO_FILES
    with landlockpy.Ruleset(handled_fs=moves, handled_net=_TCP, scoped=_SCOPES) as ruleset:
        if files_follow:
            ruleset.allow_path("/", moves)
        _add_ports(ruleset.fileno(), complement(blocked), landlockpy.AccessNet.CONNECT_TCP)
        _add_ports(ruleset.fileno(), _each(own), _TCP)
        ruleset.allow_port(0, landlockpy.AccessNet.BIND_TCP)
        ruleset.restrict()


def restrict(
    outbound: policy.Outbound,
    inherited_ports: bool,
    files: Files | None,
    own: Sequence[policy.PortRange] = (),
) -> None:
    """Take on the calling process's own ruleset; irreversible.

    ``inherited_ports``: the spawner has adopted the port list already.
    """
    ports = _NO_PORTS if inherited_ports else _handled_ports(outbound)
    with landlockpy.Ruleset(
        handled_fs=_NO_FILES if files is None else None, handled_net=ports, scoped=_SCOPES
    ) as ruleset:
        if ports & landlockpy.AccessNet.BIND_TCP:
            ruleset.allow_port(0, landlockpy.AccessNet.BIND_TCP)
            _add_ports(ruleset.fileno(), _each(own), ports)
        if isinstance(outbound, tuple):
            for port in outbound:
                ruleset.allow_port(port, landlockpy.AccessNet.CONNECT_TCP)
        if files is not None:
            _allow_files(ruleset, files)
        ruleset.restrict()


def _handled_ports(outbound: policy.Outbound) -> landlockpy.AccessNet:
    if outbound == "open" or outbound == "default":
        return landlockpy.AccessNet.BIND_TCP
    return _TCP


def _allow_files(ruleset: landlockpy.Ruleset, files: Files) -> None:
    for paths, access in (
        ((*SYSTEM_PATHS, os.path.realpath("/etc/resolv.conf")), _READ),
        (PROCESS_PATHS, _READ),
        (DEVICE_PATHS, _DEVICE),
        (("/dev/shm",), _SHARED_MEMORY),
        (files.readable, _READ),
        (files.writable, _WRITE),
    ):
        for path in paths:
            _allow(ruleset, path, access)


def _allow(ruleset: landlockpy.Ruleset, path: str, access: landlockpy.AccessFS) -> None:
    if not os.path.exists(path):
        return
    if not os.path.isdir(path):
        access &= _FILE_RIGHTS
    ruleset.allow_path(path, access)


def complement(blocked: Sequence[policy.PortRange]) -> Iterable[int]:
    port = 1
    for first, last in sorted(blocked):
        yield from range(port, first)
        port = max(port, last + 1)
    yield from range(port, LAST_PORT + 1)


def _each(ranges: Iterable[policy.PortRange]) -> Iterable[int]:
    return (port for first, last in ranges for port in range(first, last + 1))


def _add_ports(descriptor: int, ports: Iterable[int], access: landlockpy.AccessNet) -> None:
    """One rule per port: 2 µs each this way, 8 through the library."""

    class PortRule(ctypes.Structure):
        _fields_ = [("allowed_access", ctypes.c_uint64), ("port", ctypes.c_uint64)]

    libc = ctypes.CDLL(None, use_errno=True)
    call = libc.syscall
    call.restype = ctypes.c_long
    call.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint]
    rule = PortRule(int(access), 0)
    address = ctypes.byref(rule)
    for port in ports:
        rule.port = port
        if call(_ADD_RULE, descriptor, _RULE_NET_PORT, address, 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"landlock rule for port {port}: {os.strerror(number)}")
