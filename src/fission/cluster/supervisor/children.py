"""The two processes that the supervisor keeps alive, and when to start them again.

`RestartDelay` decides, `Child` does. A child leads a session of its own (a terminal's Ctrl-C
reaches only the supervisor) and is not told to die with its parent.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from typing import TYPE_CHECKING, Any

from fission.cluster.supervisor import config, processes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 30.0
"""A process that ran this long starts again at once, as if it had never failed."""

LISTEN_FDS_START = 3
MAX_LOG_BYTES = 16 * 1024 * 1024


class RestartDelay:
    """How long to wait before the next start: none after a steady run, else doubling."""

    def __init__(self) -> None:
        self._next = 0.0

    def after_run(self, ran_seconds: float) -> float:
        if ran_seconds >= STEADY_SECONDS:
            self._next = 0.0
        delay = self._next
        self._next = min(LONGEST_DELAY_SECONDS, max(FIRST_DELAY_SECONDS, self._next * 2))
        return delay


class Child:
    """One program: started, watched, restarted."""

    def __init__(self, program: config.Program, log: Path) -> None:
        self.program = program
        self.name = program.name
        self.identity: processes.Identity | None = None
        self.restarts = -1
        self.last_exit: str | None = None
        self.next_start: float | None = 0.0
        """Monotonic time of the next start; None while it runs or must not run."""
        self._log = log
        self._delay = RestartDelay()
        self._started = 0.0
        self._started_at = 0.0

    def start(self, sockets: Sequence[tuple[str, int]], extra_env: Mapping[str, str]) -> None:
        """Run the program with these descriptors from 3 on (LISTEN_FDS convention)."""
        env = {**config.environment(self.program), **extra_env}
        for name in ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):
            env.pop(name, None)
        if sockets:
            env["LISTEN_FDS"] = str(len(sockets))
            env["LISTEN_FDNAMES"] = ":".join(name for name, _ in sockets)
        with contextlib.ExitStack() as stack:
            # Copied above the range first, so that no dup2 overwrites a source still needed.
            sources = []
            for _, fd in sockets:
                copy = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 64)
                stack.callback(os.close, copy)
                sources.append(copy)
            log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            stack.callback(os.close, log)
            null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, null)
            actions: list[tuple[int, int, int]] = [
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ]
            actions += [
                (os.POSIX_SPAWN_DUP2, source, LISTEN_FDS_START + index)
                for index, source in enumerate(sources)
            ]
            pid = os.posix_spawnp(
                self.program.command[0],
                list(self.program.command),
                env,
                file_actions=actions,
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD],
            )
        self.identity = processes.identify(pid) or processes.Identity(pid, 0)
        self.restarts += 1
        self.next_start = None
        self._started = time.monotonic()
        self._started_at = time.time()

    def exited(self, status: int, *, restart: bool) -> float:
        """Note the end of the process; returns the delay before the next start."""
        code = os.waitstatus_to_exitcode(status)
        self.last_exit = f"exit code {code}" if code >= 0 else f"signal {-code}"
        self.identity = None
        delay = self._delay.after_run(time.monotonic() - self._started)
        self.next_start = time.monotonic() + delay if restart else None
        return delay

    def start_failed(self, error: OSError) -> float:
        self.last_exit = f"cannot start {self.program.command[0]}: {error.strerror}"
        delay = max(FIRST_DELAY_SECONDS, self._delay.after_run(0.0))
        self.next_start = time.monotonic() + delay
        return delay

    def forbid_start(self) -> None:
        self.next_start = None

    def signal(self, number: int) -> None:
        if self.identity is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.identity.pid, number)

    def bound_log(self) -> None:
        """Keep the log below its limit: the child appends, so cutting in place is safe."""
        with contextlib.suppress(OSError):
            if self._log.stat().st_size > MAX_LOG_BYTES:
                kept = self._log.with_suffix(".log.1")
                kept.write_bytes(self._log.read_bytes()[-MAX_LOG_BYTES:])
                os.truncate(self._log, 0)

    def describe(self) -> dict[str, Any]:
        identity = self.identity
        return {
            "name": self.name,
            "role": self.name,
            "pid": identity.pid if identity else None,
            "startTime": identity.start_time if identity else None,
            "startedAt": self._started_at,
            "restarts": max(0, self.restarts),
            "lastExit": self.last_exit,
        }
