"""Ending a build with everything that it has started.

A build's processes share a session, which one signal reaches. Those that left it (daemons, double
forks) fall to the builder, which is a subreaper, and are found by the mark in their environment;
what has thrown that away too is ended when no build runs. Nobody's name matters, only ancestry.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pathlib
import signal
from collections.abc import Iterator
from typing import Final

MARK_VARIABLE: Final = "FISSION_BUILD_ID"
"""In the environment of every process of a build."""
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36
_DEAD: Final = (b"Z", b"X")
_PROC: Final = pathlib.Path("/proc")
_ROUNDS: Final = 10
"""A process that forks while it is being killed is caught in the next round."""


def prepare() -> None:
    """Become the parent of orphans, and hide the own environment, with its key, from builds."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


class Reaper:
    """Ends builds. ``owns_process``: this process exists for builds alone."""

    def __init__(self, *, owns_process: bool) -> None:
        self._owns_process = owns_process
        self._running: dict[int, str] = {}
        self._starting = 0

    @contextlib.contextmanager
    def starting(self) -> Iterator[None]:
        """Around what ends in ``started``: a child that is not known yet is not an orphan."""
        self._starting += 1
        try:
            yield
        finally:
            self._starting -= 1

    def started(self, session: int, mark: str) -> None:
        """A build runs, its first process leading a session of its own."""
        self._running[session] = mark

    def end(self, session: int) -> None:
        """SIGKILL whatever a build has left; blocking, some milliseconds."""
        mark = self._running.pop(session)
        everything = self._owns_process and not self._running
        for _ in range(_ROUNDS):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(session, signal.SIGKILL)
            found = _strays(mark, everything=everything)
            for pid in found:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self._reap(session)
            if not found:
                return

    def _reap(self, session: int) -> None:
        """Take the exit codes of adopted processes; a build's first one is awaited elsewhere."""
        if not self._owns_process:
            return
        dead = _dead_children()
        if self._starting:
            return
        for pid in dead - self._running.keys() - {session}:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _strays(mark: str, *, everything: bool) -> list[int]:
    """Living processes that bear the mark; with ``everything`` all our descendants too."""
    parents = _parents()
    mine = os.getpid()
    wanted = f"{MARK_VARIABLE}={mark}".encode()
    return [
        pid
        for pid in parents
        if pid != mine and (wanted in _env(pid) or (everything and _descends(pid, mine, parents)))
    ]


def _parents() -> dict[int, int]:
    """Every living process and its parent."""
    return {pid: parent for pid, state, parent in _processes() if state not in _DEAD}


def _dead_children() -> set[int]:
    """Children of this process that have ended and are not awaited yet."""
    mine = os.getpid()
    return {pid for pid, state, parent in _processes() if state in _DEAD and parent == mine}


def _processes() -> Iterator[tuple[int, bytes, int]]:
    """Every process: pid, state, parent."""
    try:
        entries = os.listdir(_PROC)
    except OSError:
        return  # a sandbox without /proc: the session is all that can be ended
    for entry in entries:
        if not entry.isdigit():
            continue
        try:
            fields = (_PROC / entry / "stat").read_bytes().rpartition(b") ")[2].split()
        except OSError:
            continue
        if len(fields) > 1:
            yield int(entry), fields[0], int(fields[1])


def _descends(pid: int, ancestor: int, parents: dict[int, int]) -> bool:
    seen = set()
    while pid in parents and pid not in seen:
        seen.add(pid)
        pid = parents[pid]
        if pid == ancestor:
            return True
    return False


def _env(pid: int) -> list[bytes]:
    try:
        return (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
