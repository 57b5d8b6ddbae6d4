"""From a fresh fork to a confined process: what is prepared before, what is done after, in order.

A spawner makes one ``Grounds`` when it starts and one ``Preparation`` for each container; both hold
whatever can be paid for once or must be done with the host in view. ``enter`` then runs in the
child. The order is forced: mounts need capabilities, ``/proc`` must be mounted before the old root
goes, a uid change clears the parent-death signal, and seccomp is last because it refuses the rest.
"""

import dataclasses
import fcntl
import os
import signal
import socket
import struct
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from fission.cluster.kubelet.sandbox import (
    cgroups,
    kernel,
    landlock,
    limits,
    policy,
    rootfs,
    spaces,
    syscallfilter,
)

NO_PORT_RULES = (
    "the kernel has no TCP port rules (Linux 6.7 brings them): the platform's ports are reachable"
)
NO_SCOPES = (
    "the kernel does not confine signals (Linux 6.12 does): processes of the same user can be "
    "signalled"
)
NO_MEMORY_GROUP = "memory is limited per process, not for the container as a whole"
NO_CPU_GROUP = "a limit on processor time is not enforced: no control group can be made"
NOT_CONFINED = "functions are not confined: they can do what this user can do"
TASKS_COUNTED_FOR_SECONDS = 5.0

_SIOCSIFFLAGS = 0x8914
_IFF_UP_RUNNING = 0x41


@dataclass
class Grounds:
    """What all containers of one spawner stand on."""

    mode: policy.Mode
    template: rootfs.Template | None = None
    readable: tuple[str, ...] = ()
    """Host paths that every container may read, for hosts without mount namespaces."""
    landlock_abi: int = 0
    ports_adopted: bool = False
    hierarchies: cgroups.Hierarchies = field(default_factory=cgroups.Hierarchies)
    name: str = ""
    """Whose control groups these are; the next spawner of this name removes what is left."""
    tasks_counted_at: float = float("-inf")
    tasks: int = 0

    def count_tasks(self) -> int:
        """The user's processes on the host, at most some seconds ago: counting takes 3 ms."""
        now = time.monotonic()
        if now - self.tasks_counted_at > TASKS_COUNTED_FOR_SECONDS:
            self.tasks = limits.count_own_tasks()
            self.tasks_counted_at = now
        return self.tasks


@dataclass(frozen=True)
class Preparation:
    """What the spawner made for one container before the fork."""

    mode: policy.Mode
    mounts: tuple[policy.Mount, ...] = ()
    limits: policy.Limits = field(default_factory=policy.Limits)
    template: rootfs.Template | None = None
    files: landlock.Files | None = None
    uses_landlock: bool = False
    ports_adopted: bool = False
    program: bytes | None = None
    group: cgroups.Group | None = None
    process_ceiling: int | None = None
    notes: tuple[str, ...] = ()


def make_grounds(
    mode: policy.Mode,
    base: str,
    visible: Sequence[str],
    blocked_ports: Sequence[policy.PortRange] | None,
    own_ports: Sequence[policy.PortRange] = (),
) -> Grounds:
    """Prepare a spawner, before its imports; in full mode it stands in its namespaces already.

    ``base`` is a path for the template and no other spawner's; ``blocked_ports`` None means that
    containers bring their own outbound policy.
    """
    name = f"{zlib.crc32(base.encode()):08x}"
    grounds = Grounds(mode, readable=tuple(visible), hierarchies=cgroups.find(), name=name)
    cgroups.sweep(grounds.hierarchies, name)
    if mode == "none":
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        return grounds
    grounds.landlock_abi = landlock.abi()
    if os.geteuid() == 0:
        _check_readable(visible, mode)
    if mode == "full":
        grounds.template = rootfs.build(base, visible)
    else:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    if blocked_ports is not None and grounds.landlock_abi >= landlock.ABI_PORTS:
        landlock.adopt_all_ports_but(blocked_ports, own_ports, files_follow=mode == "landlock")
        grounds.ports_adopted = True
    return grounds


def warm_up(grounds: Grounds) -> None:
    """Look up and compile once what every child uses.

    Both libraries search for the C library when first called, which starts programs: 3 ms each.
    """
    landlock.abi()
    syscallfilter.is_supported()
    for network in syscallfilter.NETWORKS:
        syscallfilter.compile_program(grounds.mode != "full", network)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, 0)


def prepare(
    grounds: Grounds,
    name: str,
    asked: policy.Confinement,
    bounds: policy.Limits,
    mounts: Sequence[policy.Mount],
    image_root: str | None = None,
) -> Preparation:
    """Everything for one container that is done outside it; PolicyError refuses by name."""
    _check(grounds, asked)
    if asked.uid is not None and grounds.template is None:
        _check_reachable(mounts, asked.uid)
    if image_root is not None and grounds.mode != "none":
        if grounds.template is not None:
            grounds.template.show(image_root)
        elif image_root not in grounds.readable:
            grounds.readable = (*grounds.readable, image_root)
    grouped = bounds
    if grounds.mode == "full" or asked.uid is not None:
        # The limit of the process itself counts exactly there: see ``_process_ceiling``.
        grouped = dataclasses.replace(bounds, max_processes=None)
    group = cgroups.make(grounds.hierarchies, f"{grounds.name}-{name}", grouped)
    try:
        return _prepare(grounds, asked, bounds, tuple(mounts), group)
    except BaseException:
        if group is not None:
            group.remove()
        raise


def enter(preparation: Preparation, asked: policy.Confinement, spawner_pid: int) -> tuple[str, ...]:
    """In the child: close every door in turn. Returns what could not be promised."""
    if preparation.group is not None:
        preparation.group.enter()
    _die_with_spawner(spawner_pid if preparation.mode != "full" else None)
    os.setsid()
    if preparation.mode == "none":
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        _set_limits(preparation)
        return preparation.notes
    limits.offer_to_oom_killer()
    if preparation.template is not None:
        _enter_namespaces(preparation, preparation.template, asked)
    else:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    _leave_root(asked)
    if _has_counting_namespace(preparation, asked):
        spaces.enter_counting_namespace()
    _close_doors(preparation, asked)
    return preparation.notes


def join(preparation: Preparation, asked: policy.Confinement, member: int) -> None:
    """In a fork of the spawner: go where the container ``member`` of this preparation is.

    The next fork is a process of the container, and has to call ``follow``.
    """
    if preparation.group is not None:
        preparation.group.enter()
    os.setsid()
    if preparation.template is None:
        return
    descriptor = os.pidfd_open(member)
    flags = kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS | kernel.CLONE_NEWPID
    kernel.setns(descriptor, flags | (kernel.CLONE_NEWNET if asked.outbound == "none" else 0))
    if _has_counting_namespace(preparation, asked):
        kernel.setns(descriptor, kernel.CLONE_NEWUSER)
    os.close(descriptor)


def follow(preparation: Preparation, asked: policy.Confinement) -> None:
    """In the fork after ``join``: the rest of what its container is held to."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if preparation.mode == "none":
        _set_limits(preparation)
        return
    limits.offer_to_oom_killer()
    _leave_root(asked)
    _close_doors(preparation, asked)


def _has_counting_namespace(preparation: Preparation, asked: policy.Confinement) -> bool:
    return preparation.template is not None and asked.uid is None and _counts_processes(preparation)


def _close_doors(preparation: Preparation, asked: policy.Confinement) -> None:
    """Limits, rights, files and ports, system calls; irreversible."""
    _set_limits(preparation)  # after the namespace, which would hold its parent to them too
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.drop_capabilities()
    if preparation.uses_landlock:
        landlock.restrict(
            asked.outbound, preparation.ports_adopted, preparation.files, asked.own_ports
        )
    if preparation.program is not None:
        syscallfilter.load(preparation.program)


def _check_readable(visible: Sequence[str], mode: policy.Mode) -> None:
    """As root containers run as other users, who must be able to read the interpreter."""
    closed = rootfs.unreadable_to_others(visible, with_ancestors=mode == "landlock")
    if closed:
        raise policy.PolicyError(
            f"containers cannot read {', '.join(closed)}: as root they run as users of their own; "
            "put the interpreter where every user may read it (/opt, /usr/local) or run as an "
            "ordinary user"
        )


def _check_reachable(mounts: Sequence[policy.Mount], uid: int) -> None:
    """Without a mount namespace another user's way to a volume is the host's own path."""
    for mount in mounts:
        closed = rootfs.closed_folder_above(mount.host_path)
        if closed is not None:
            raise policy.PolicyError(
                f"volume {mount.mount_path} lies below {closed}, which uid {uid} may not enter; "
                "keep volumes in a folder of mode 0711 when root runs without mount namespaces"
            )


def _check(grounds: Grounds, asked: policy.Confinement) -> None:
    if asked.mode != grounds.mode:
        raise policy.PolicyError(
            f"this spawner confines with mode {grounds.mode!r}, the container asks for "
            f"{asked.mode!r}"
        )
    if grounds.mode == "none":
        if asked.outbound == "none" or isinstance(asked.outbound, tuple):
            raise policy.PolicyError(
                "an outbound policy was asked for; this host confines no container"
            )
        return
    if (asked.uid is None) == (os.geteuid() == 0):
        raise policy.PolicyError(
            "as root every confined container needs a uid of its own"
            if asked.uid is None
            else "only root can give a container another uid"
        )
    if asked.uid == 0:
        raise policy.PolicyError("a confined container must not have uid 0")
    has_ports = grounds.landlock_abi >= landlock.ABI_PORTS
    if grounds.ports_adopted != (asked.outbound == "default") and has_ports:
        raise policy.PolicyError(
            "outbound 'default' and other outbound policies need different spawners"
        )
    if isinstance(asked.outbound, tuple) and not has_ports:
        raise policy.PolicyError(
            f"outbound ports {list(asked.outbound)} were asked for; this kernel has no TCP port "
            "rules (Linux 6.7 brings them)"
        )
    if grounds.mode == "landlock" and grounds.landlock_abi == 0:
        raise policy.PolicyError("this kernel has no Landlock")


def _prepare(
    grounds: Grounds,
    asked: policy.Confinement,
    bounds: policy.Limits,
    mounts: tuple[policy.Mount, ...],
    group: cgroups.Group | None,
) -> Preparation:
    if grounds.mode == "none":
        notes = tuple(_notes(grounds, asked, bounds, group))
        return Preparation("none", mounts, bounds, group=group, notes=notes)
    full = grounds.template is not None
    if grounds.template is not None:
        grounds.template.refresh_resolver()
        grounds.template.add_mount_points(mounts)
    return Preparation(
        mode=grounds.mode,
        mounts=mounts,
        limits=bounds,
        template=grounds.template,
        files=None if full else _files(grounds, mounts),
        uses_landlock=_uses_landlock(grounds, asked),
        ports_adopted=grounds.ports_adopted,
        program=syscallfilter.compile_program(not full, _network(asked.outbound)),
        group=group,
        process_ceiling=_process_ceiling(grounds, bounds),
        notes=tuple(_notes(grounds, asked, bounds, group)),
    )


def _uses_landlock(grounds: Grounds, asked: policy.Confinement) -> bool:
    """Whether the child adds a ruleset of its own; see ``landlock`` for the price."""
    if grounds.landlock_abi == 0:
        return False
    if grounds.template is None:
        return True
    return not grounds.ports_adopted and asked.outbound != "none"


def _network(outbound: policy.Outbound) -> syscallfilter.Network:
    if isinstance(outbound, tuple):
        return "tcp"
    return "none" if outbound == "none" else "all"


def _files(grounds: Grounds, mounts: tuple[policy.Mount, ...]) -> landlock.Files:
    readable = [mount.host_path for mount in mounts if mount.read_only]
    writable = [mount.host_path for mount in mounts if not mount.read_only]
    return landlock.Files((*grounds.readable, *readable), tuple(writable))


def _process_ceiling(grounds: Grounds, bounds: policy.Limits) -> int | None:
    """In full mode the kernel counts per container; else all of the user's processes count."""
    if bounds.max_processes is None:
        return None
    if grounds.mode == "full" or os.geteuid() == 0:
        return bounds.max_processes
    return grounds.count_tasks() + bounds.max_processes


def _notes(
    grounds: Grounds,
    asked: policy.Confinement,
    bounds: policy.Limits,
    group: cgroups.Group | None,
) -> list[str]:
    notes = []
    if grounds.mode == "none":
        if asked.outbound == "default":
            notes.append(NOT_CONFINED)
    elif asked.outbound == "default" and not grounds.ports_adopted:
        notes.append(NO_PORT_RULES)
    if grounds.mode == "landlock" and grounds.landlock_abi < landlock.ABI_SCOPES:
        notes.append(NO_SCOPES)
    if bounds.memory_bytes is not None and (group is None or not group.has_memory):
        notes.append(NO_MEMORY_GROUP)
    if bounds.cpu_millis is not None and (group is None or not group.has_cpu):
        notes.append(NO_CPU_GROUP)
    return notes


def _die_with_spawner(expected_parent: int | None) -> None:
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if expected_parent is not None and os.getppid() != expected_parent:
        os._exit(1)


def _enter_namespaces(
    preparation: Preparation, template: rootfs.Template, asked: policy.Confinement
) -> None:
    flags = kernel.CLONE_NEWNS | kernel.CLONE_NEWIPC | kernel.CLONE_NEWUTS
    isolated = asked.outbound == "none"
    kernel.unshare(flags | (kernel.CLONE_NEWNET if isolated else 0))
    if isolated:
        _loopback_up()
    if asked.hostname:
        socket.sethostname(asked.hostname[:64])
    rootfs.enter_root(template, preparation.mounts, preparation.limits.tmp_bytes, asked.uid)


def _loopback_up() -> None:
    request = struct.pack("16sH14x", b"lo", _IFF_UP_RUNNING)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, request)


def _counts_processes(preparation: Preparation) -> bool:
    return preparation.process_ceiling is not None


def _set_limits(preparation: Preparation) -> None:
    has_group = preparation.group is not None and preparation.group.has_memory
    limits.apply(preparation.limits, has_group, preparation.process_ceiling)


def _leave_root(asked: policy.Confinement) -> None:
    """Become the container's user; what that clears is set again."""
    if asked.uid is None:
        return
    os.setgroups([])
    os.setresgid(asked.uid, asked.uid, asked.uid)
    os.setresuid(asked.uid, asked.uid, asked.uid)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
