"""What the kernel says about a process, read by a spawner that may count pids otherwise than it.

A spawner in a pid namespace of its own still looks at the host's ``/proc``: a pidfd's entry there
names the process as the host counts.
"""

import contextlib
import os
import time

from fission.cluster.kubelet.zygote import messages

_START_TIME_FIELD = 22
_FIELDS_BEFORE_STATE = 2


def boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def own_host_pid() -> int:
    return int(os.readlink("/proc/self"))


def own_children() -> list[int]:
    """Direct children, where this process counts as the host does."""
    with contextlib.suppress(OSError), open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(word) for word in file.read().split()]
    return []


def host_pid(local_pid: int) -> int:
    """A child's pid as the host counts."""
    descriptor = os.pidfd_open(local_pid)
    try:
        with open(f"/proc/self/fdinfo/{descriptor}") as file:
            for line in file:
                if line.startswith("Pid:"):
                    return int(line.split()[1])
    finally:
        os.close(descriptor)
    return local_pid


def start_time_ticks(pid: int) -> int:
    """Field 22 of ``/proc/PID/stat``; the command before it may hold spaces and brackets."""
    with open(f"/proc/{pid}/stat") as file:
        text = file.read()
    fields = text[text.rindex(")") + 2 :].split()
    return int(fields[_START_TIME_FIELD - _FIELDS_BEFORE_STATE - 1])


def describe(
    local_pid: int, container_id: str, boot: str, notes: tuple[str, ...]
) -> messages.ContainerState:
    """The state of a child that was forked this moment."""
    pid = host_pid(local_pid)
    return messages.ContainerState(
        id=container_id,
        pid=pid,
        start_time_ticks=start_time_ticks(pid),
        boot_id=boot,
        started_at=time.time(),
        confinement=notes,
    )
