"""Starts processes in groups of their own, learns of their end, and leaves nothing behind.

``posix_spawn`` starts them as ``vfork`` would, without a copy of this process's page tables. Ends
are learned from SIGCHLD: this process is the first one of its pod, so processes that have lost
their parent arrive here as well, and are reaped with the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping

OnEnd = Callable[[int], None]

_USUAL = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
"""A program is not to inherit what somebody else ignores: Python does SIGPIPE, nohup SIGHUP."""


class Programs:
    """The processes of one event loop. Everything here runs on its thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._running: dict[int, OnEnd] = {}
        # Not the loop's own handler: uvloop keeps SIGCHLD for itself, though it is idle here.
        signal.signal(signal.SIGCHLD, lambda *_: loop.call_soon_threadsafe(self._reap))

    def start(
        self,
        argv: list[str],
        env: Mapping[bytes, bytes],
        stdin: int,
        stdout: int | None,
        on_end: OnEnd,
    ) -> int:
        """Start a program and return its process id, which is its group's, too; raises OSError.

        ``stdout`` None: where this process's goes. ``on_end`` gets the exit code, negative for a
        signal. Every descriptor but the three standard ones is closed in it.
        """
        actions: list[tuple[int, int, int]] = [(os.POSIX_SPAWN_DUP2, stdin, 0)]
        if stdout is not None:
            actions.append((os.POSIX_SPAWN_DUP2, stdout, 1))
        pid = os.posix_spawn(
            argv[0],
            argv,
            env,
            file_actions=actions,
            setpgroup=0,
            setsigmask=(),
            setsigdef=_USUAL,
        )
        self._running[pid] = on_end
        return pid

    def kill_group(self, pid: int, number: int = signal.SIGKILL) -> None:
        """Signal a program and whatever it has started in its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)

    def kill_all(self) -> None:
        """End everything that still runs."""
        for pid in self._running:
            self.kill_group(pid)

    def _reap(self) -> None:
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            on_end = self._running.pop(ended.si_pid, None)
            if on_end is not None:
                # Nothing of a group outlives its first process; until that is reaped, the number
                # cannot be anybody else's.
                self.kill_group(ended.si_pid)
            _, status = os.waitpid(ended.si_pid, 0)
            if on_end is not None:
                on_end(os.waitstatus_to_exitcode(status))


def describe_end(code: int) -> str:
    """``ended with exit code 3`` or ``was ended by SIGKILL``."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
