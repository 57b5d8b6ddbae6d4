"""Resource limits of the process itself, where no cgroup counts for the whole container."""

import math
import os
import resource

from fission.cluster.kubelet.sandbox import policy

NICE_STEP = 1.25
LARGEST_NICE = 10
OOM_SCORE = 500
"""Containers go before the platform when the host runs out of memory."""


def apply(limits: policy.Limits, memory_in_cgroup: bool, processes: int | None) -> None:
    """Set the limits for this process and all it starts.

    ``processes`` is the ceiling on processes in the scope in which the kernel counts them here.
    Memory is the data segment, per process: reservations of address space (Wasm, Java) are free.
    """
    if limits.memory_bytes is not None and not memory_in_cgroup:
        _set(resource.RLIMIT_DATA, limits.memory_bytes)
    if processes is not None:
        _set(resource.RLIMIT_NPROC, processes)
    if limits.max_open_files is not None:
        _set(resource.RLIMIT_NOFILE, limits.max_open_files)
    if limits.max_file_bytes is not None:
        _set(resource.RLIMIT_FSIZE, limits.max_file_bytes)
    _set(resource.RLIMIT_CORE, 0)
    level = nice_of(limits.cpu_request_millis)
    if level:
        os.nice(level)


def nice_of(request_millis: int | None) -> int:
    """The nice value whose weight is to an ordinary process's as the request is to a processor.

    Each step is a factor of 1.25 to the kernel. Never above 10: a small request is not "never".
    """
    if request_millis is None:
        return 0
    steps = math.log(1000 / max(1, request_millis)) / math.log(NICE_STEP)
    return min(LARGEST_NICE, max(0, round(steps)))


def offer_to_oom_killer() -> None:
    with open("/proc/self/oom_score_adj", "r+") as file:
        if int(file.read()) < OOM_SCORE:
            file.seek(0)
            file.write(str(OOM_SCORE))


def count_own_tasks() -> int:
    """Processes and threads of this user on the host, as RLIMIT_NPROC counts them."""
    uid = os.geteuid()
    total = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                status = os.stat(f"/proc/{name}/task")
            except OSError:
                continue
            if status.st_uid == uid:
                total += status.st_nlink - 2
    return total


def _set(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))
