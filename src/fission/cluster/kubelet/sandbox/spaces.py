"""The namespaces that a spawner enters once, and the pid namespace that each child is born into.

As an ordinary user the spawner owns a user namespace in which it keeps its own number (inner equals
outer, never 0: a process that is root inside would be root to ``/proc/sys``). As root there is no
user namespace; the children become other users instead. A spawner stands in a pid namespace of its
own so that it may return there after each child: ``unshare`` moves only future children, and moving
back needs rights over the namespace left behind.
"""

import os

from fission.cluster.kubelet.sandbox import kernel


def enter_spawner() -> None:
    """Move into the spawner's namespaces; the next fork is the spawner proper, process 1 there."""
    uid, gid = os.geteuid(), os.getegid()
    flags = kernel.CLONE_NEWNS | kernel.CLONE_NEWPID
    if uid == 0:
        kernel.unshare(flags)
    else:
        kernel.unshare(flags | kernel.CLONE_NEWUSER)
        _map_own_ids(uid, gid)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)


def enter_counting_namespace() -> None:
    """A user namespace inside the spawner's: there the kernel counts processes per container."""
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.CLONE_NEWUSER)
    _map_own_ids(uid, gid)


class ProcessSpace:
    """Forks children into fresh pid namespaces and stays in its own."""

    def __init__(self) -> None:
        self._own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def fork(self) -> int:
        """As ``os.fork``; the child is process 1 of a namespace of its own."""
        kernel.unshare(kernel.CLONE_NEWPID)
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid:
                kernel.setns(self._own, kernel.CLONE_NEWPID)
        return pid


def _map_own_ids(uid: int, gid: int) -> None:
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        try:
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
        except OSError as error:
            raise OSError(error.errno, f"write {name}: {error.strerror}") from error
