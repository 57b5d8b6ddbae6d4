"""Identity of processes: a pid alone means nothing, a pid with its start time and boot id does."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """A process that can be told from a later one with the same pid (within one boot)."""

    pid: int
    start_time: int
    """Field 22 of /proc/PID/stat, in clock ticks since boot."""


def boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def start_time(pid: int) -> int | None:
    """The start time of a live process; None for one that is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def identify(pid: int) -> Identity | None:
    started = start_time(pid)
    return None if started is None else Identity(pid, started)


def is_alive(identity: Identity) -> bool:
    return start_time(identity.pid) == identity.start_time


def open_pidfd(identity: Identity) -> int | None:
    """A pidfd of exactly this process: opened first, compared after, so reuse cannot slip in."""
    try:
        fd = os.pidfd_open(identity.pid)
    except OSError:
        return None
    if start_time(identity.pid) != identity.start_time:
        os.close(fd)
        return None
    return fd


def wait_exit(identity: Identity, timeout_seconds: float) -> bool:
    """Wait for a process, child or not, to be gone; True when it is."""
    fd = open_pidfd(identity)
    if fd is None:
        return True
    try:
        return bool(select.select([fd], [], [], max(0.0, timeout_seconds))[0])
    finally:
        os.close(fd)


def end(identity: Identity, grace_seconds: float) -> None:
    """SIGTERM, then SIGKILL after the grace; returns when the process is gone."""
    fd = open_pidfd(identity)
    if fd is None:
        return
    try:
        deadline = time.monotonic() + grace_seconds
        for number, until in ((signal.SIGTERM, deadline), (signal.SIGKILL, deadline + 5)):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(fd, number)
            if select.select([fd], [], [], max(0.0, until - time.monotonic()))[0]:
                return
    finally:
        os.close(fd)


def children_of(pid: int) -> list[int]:
    """Direct children, by the kernel's own list."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/task/{task}/children").read_text()
                found.extend(int(word) for word in text.split())
    return found
