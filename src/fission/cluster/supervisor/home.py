"""The home folder: its paths, its lock, its state file.

`state.json` is written whole to a neighbour and renamed, so a reader never sees half of it. The
lock is an flock, which the kernel drops with its process: no stale lock survives a crash.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

MAX_SOCKET_PATH = 107
"""Bytes that `sun_path` holds on Linux, without the closing zero."""

LONGEST_SOCKET_NAME = 40
"""Room for `run/<name>.sock` below the run folder."""


class HomeError(Exception):
    """The home cannot be used; the message says why."""


class AlreadyRunning(HomeError):
    """Another supervisor holds the home."""

    def __init__(self, pid: int | None) -> None:
        super().__init__(f"already running (pid {pid})" if pid else "already running")
        self.pid = pid


class Home:
    """Paths of one home."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))
        self.config_path = self.root / "cluster.json"
        self.state_path = self.root / "state.json"
        self.lock_path = self.root / "supervisor.lock"
        self.logs = self.root / "logs"

    def prepare(self) -> None:
        for folder in (self.root, self.logs, self.root / "run"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if folder == self.root and folder.stat().st_mode & 0o077:
                folder.chmod(0o700)

    def run_dir(self) -> Path:
        """The folder of sockets: `run`, or a short one elsewhere when its path would not fit.

        The short one is recorded as `runDir` in the state file and handed to the processes of
        the cluster as FISSION_RUN_DIR. It exists while a supervisor runs: `make_run_dir`.
        """
        plain = self.root / "run"
        if len(os.fsencode(plain)) + 1 + LONGEST_SOCKET_NAME <= MAX_SOCKET_PATH:
            return plain
        recorded = self.read_state().get("runDir")
        if isinstance(recorded, str) and os.path.isdir(recorded):
            return Path(recorded)
        digest = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
        short = Path(base) / f"fission-{os.getuid()}-{digest}"
        try:
            info = short.lstat()
        except FileNotFoundError:
            return short
        if info.st_uid != os.getuid() or info.st_mode & 0o077:
            raise HomeError(f"{short} belongs to somebody else or is open to others")
        return short

    def make_run_dir(self) -> Path:
        """The folder of sockets, made where it is not there."""
        self.run_dir().mkdir(mode=0o700, exist_ok=True)
        return self.run_dir()  # looked at again: somebody else's may have come in between

    def remove_run_dir(self) -> None:
        """Remove a short one, with the sockets of those who were killed."""
        run = self.run_dir()
        if run == self.root / "run":
            return
        with contextlib.suppress(OSError):  # it is gone, or holds what is not ours
            for path in run.iterdir():
                if path.is_socket():
                    path.unlink()
                else:
                    path.rmdir()
            run.rmdir()

    def lock(self) -> int:
        """Take the home; the descriptor holds it. Raises AlreadyRunning with the holder's pid."""
        fd = os.open(self.lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.pread(fd, 32, 0).strip()
            os.close(fd)
            raise AlreadyRunning(int(text) if text.isdigit() else None) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        return fd

    def read_state(self) -> dict[str, Any]:
        """The last state written; empty when there is none or it is damaged."""
        try:
            state = json.loads(self.state_path.read_text())
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def write_state(self, state: dict[str, Any]) -> None:
        write_atomically(self.state_path, json.dumps(state, indent=1).encode() + b"\n")


def write_atomically(path: Path, data: bytes, mode: int = 0o600) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
