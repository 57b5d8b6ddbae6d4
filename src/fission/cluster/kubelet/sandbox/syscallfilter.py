"""The seccomp program: default allow, with the calls that lead out of a container refused.

Two strengths. The ordinary one completes namespaces: it takes away what makes new ones, mounts,
traces neighbours, reaches odd protocols, or slips past Landlock's port rules (MPTCP, fast open,
io_uring). ``strict`` is for hosts without user namespaces, where Landlock and this filter are all
there is: pathname sockets, SysV objects, and acts upon processes and files of the same user go too.

Programs are compiled by the spawner before the fork; a child only loads bytes.
"""

import errno
import functools
import socket
import stat
from typing import Literal

import seccompy
from seccompy import Action, CmpOp, bpf

from fission.cluster.kubelet.sandbox import kernel

Network = Literal["all", "tcp", "none"]
"""Which internet sockets may be made: TCP and UDP, TCP alone, none."""
NETWORKS: tuple[Network, ...] = ("all", "tcp", "none")

NEWEST_KNOWN_CALL = 470
"""Linux 6.18's last number. What comes later has not been judged, and answers "not implemented"
as on an older kernel; x32 numbers (bit 30) lie above it too."""

REFUSED = (
    # mounts and roots
    "mount", "umount2", "move_mount", "open_tree", "open_tree_attr", "fsopen", "fsconfig",
    "fsmount", "fspick", "mount_setattr", "pivot_root", "chroot", "statmount", "listmount",
    # namespaces
    "unshare", "setns",
    # other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease",
    "kcmp", "pidfd_getfd", "migrate_pages", "move_pages",
    # kernel facilities with a history
    "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "add_key", "request_key", "keyctl", "memfd_secret", "fanotify_init",
    "open_by_handle_at", "name_to_handle_at", "lsm_set_self_attr", "modify_ldt", "uselib",
    "lookup_dcookie",
    # the machine
    "kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot",
    "swapon", "swapoff", "quotactl", "quotactl_fd", "acct", "syslog", "settimeofday",
    "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "iopl", "ioperm",
    "vhangup",
)  # fmt: skip

REFUSED_STRICTLY = (
    "shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd",
    "msgrcv", "msgctl", "mq_open", "mq_unlink",
)  # fmt: skip

PRETENDED = (
    "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "utime", "utimes", "futimesat",
    "setxattr", "lsetxattr", "setxattrat", "removexattr", "lremovexattr", "removexattrat",
)  # fmt: skip
"""Answer success without acting: by path they reach every file of the same user, and refusing
breaks ``shutil.copy``."""

_LOW_32_BITS = 0xFFFFFFFF
_SOCKET_KIND = 0xF
_TIOCSTI = 0x5412
_TIOCLINUX = 0x541C
_MSG_FASTOPEN = 0x20000000
_PRIO_PROCESS = 0
_IOPRIO_WHO_PROCESS = 1


@functools.cache
def compile_program(strict: bool, network: Network) -> bytes:
    """The program as the kernel reads it."""
    rules = seccompy.Filter(default=Action.ALLOW)
    for name in REFUSED:
        _refuse(rules, name)
    _restrict_clone(rules)
    _restrict_sockets(rules, strict, network)
    _restrict_nodes(rules)
    for request in (_TIOCSTI, _TIOCLINUX):
        rules.errno("ioctl", errno.EPERM, args=[_low(1, request)])
    for persona in (0, _LOW_32_BITS):
        rules.allow("personality", args=[_low(0, persona)])
    rules.errno("personality", errno.EPERM)
    if strict:
        _restrict_strictly(rules)
    return _refuse_unknown_numbers() + rules.program


def load(program: bytes) -> None:
    """Install the program on this process; irreversible, the last step of a sandbox."""
    from seccompy import _syscall

    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    _syscall.set_mode_filter(program)


def is_supported() -> bool:
    return seccompy.supported()


def _refuse_unknown_numbers() -> bytes:
    """Instructions to run before a program: jumps are relative, so it may simply follow."""
    return bpf.assemble(
        [
            bpf.Load(0),
            bpf.Jump(bpf.BPF_JGT, NEWEST_KNOWN_CALL, None, "known"),
            bpf.Ret(int(Action.ERRNO) | errno.ENOSYS),
        ],
        {"known": 3},
    )


def _restrict_clone(rules: seccompy.Filter) -> None:
    """glibc falls back from clone3, whose flags a filter cannot see, to clone."""
    rules.errno("clone3", errno.ENOSYS)
    for flag in kernel.NAMESPACE_FLAGS:
        rules.errno("clone", errno.EPERM, args=[(0, CmpOp.MASKED_EQ, flag, flag)])


def _restrict_sockets(rules: seccompy.Filter, strict: bool, network: Network) -> None:
    if not strict:
        rules.allow("socket", args=[_low(0, socket.AF_UNIX)])
    kinds: list[tuple[int, tuple[int, ...]]] = []
    if network != "none" or not strict:
        kinds.append((socket.SOCK_STREAM, (0, socket.IPPROTO_TCP)))
        if network != "tcp":
            kinds.append((socket.SOCK_DGRAM, (0, socket.IPPROTO_UDP)))
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind, protocols in kinds:
            for protocol in protocols:
                rules.allow(
                    "socket",
                    args=[
                        _low(0, family),
                        (1, CmpOp.MASKED_EQ, kind, _SOCKET_KIND),
                        _low(2, protocol),
                    ],
                )
    rules.errno("socket", errno.EPERM)
    for name, position in (("sendto", 3), ("sendmsg", 2), ("sendmmsg", 3)):
        rules.errno(
            name, errno.EPERM, args=[(position, CmpOp.MASKED_EQ, _MSG_FASTOPEN, _MSG_FASTOPEN)]
        )


def _restrict_nodes(rules: seccompy.Filter) -> None:
    """Named pipes, sockets and plain files may be made, devices not."""
    for name, position in (("mknod", 1), ("mknodat", 2)):
        if not _exists(name):
            continue
        for kind in (0, stat.S_IFIFO, stat.S_IFREG, stat.S_IFSOCK):
            rules.allow(name, args=[(position, CmpOp.MASKED_EQ, kind, 0o170000)])
        rules.errno(name, errno.EPERM)


def _restrict_strictly(rules: seccompy.Filter) -> None:
    for name in REFUSED_STRICTLY:
        _refuse(rules, name)
    for name in PRETENDED:
        if _exists(name):
            rules.errno(name, 0)
    rules.allow("utimensat", args=[(1, CmpOp.EQ, 0)])  # futimens: a descriptor, not a path
    rules.errno("utimensat", 0)
    # An unconnected datagram end could be pointed at any socket file.
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        rules.errno("socketpair", errno.EPERM, args=[(1, CmpOp.MASKED_EQ, kind, _SOCKET_KIND)])
    for name in ("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam",
                 "sched_setattr"):  # fmt: skip
        rules.allow(name, args=[_low(0, 0)])
        rules.errno(name, errno.EPERM)
    for name, scope in (("setpriority", _PRIO_PROCESS), ("ioprio_set", _IOPRIO_WHO_PROCESS)):
        rules.allow(name, args=[_low(0, scope), _low(1, 0)])
        rules.errno(name, errno.EPERM)


def _low(position: int, value: int) -> tuple[int, int, int, int]:
    """The argument's low half equals ``value``: the kernel reads an int and ignores the rest."""
    return (position, CmpOp.MASKED_EQ, value, _LOW_32_BITS)


def _refuse(rules: seccompy.Filter, name: str) -> None:
    if _exists(name):
        rules.errno(name, errno.EPERM)


def _exists(name: str) -> bool:
    """Whether this architecture has the call at all."""
    try:
        seccompy.syscall_nr(name)
    except (LookupError, ValueError, seccompy.SeccompError):
        return False
    return True
