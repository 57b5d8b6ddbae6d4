"""A component as a process on a socket that outlives it, for tests that kill or weigh it.

The socket is handed over as the kubelet does it: connections that are made while the process is
dead wait for its successor.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

_TAKE_SOCKET = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.argv[2], sys.argv[2:])"
DEADLINE_SECONDS = 20.0


class Component:
    """One component, started and killed as often as one likes."""

    def __init__(
        self, words: list[str], port_name: str, env: Mapping[str, str], log: Path, ready: str
    ) -> None:
        self._words = words
        self._env = {**os.environ, **env, "LISTEN_FDS": "1", "LISTEN_FDNAMES": port_name}
        self._log = log
        self._ready = ready
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._process: subprocess.Popen[bytes] | None = None
        host, port = self._socket.getsockname()[:2]
        self.url = f"http://{host}:{port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it is ready."""
        number = self._socket.fileno()
        command = [sys.executable, "-c", _TAKE_SOCKET, str(number), sys.executable, *self._words]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self._env, pass_fds=[number], stdout=log, stderr=log
            )
        give_up = time.monotonic() + DEADLINE_SECONDS
        while not self._answers():
            if time.monotonic() > give_up or self._process.poll() is not None:
                raise RuntimeError(f"{self._words} is not ready: {self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def close(self) -> None:
        self.kill()
        self._socket.close()

    def resident_kib(self, field: str = "VmRSS") -> int:
        """`VmRSS`, or `VmHWM` for the most since `forget_peak`."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1])
        raise AssertionError(field)

    def forget_peak(self) -> None:
        """Have `VmHWM` begin anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _answers(self) -> bool:
        host, port = self._socket.getsockname()[:2]
        with contextlib.suppress(OSError), socket.create_connection((host, port), 2.0) as peer:
            peer.settimeout(2.0)
            peer.sendall(f"GET {self._ready} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            return peer.recv(64).startswith(b"HTTP/1.1 200 ")
        return False


@contextlib.contextmanager
def storagesvc(folder: Path, **env: str) -> Iterator[Component]:
    """Storagesvc on a directory, or what the settings say; it never prunes."""
    settings = {
        "STORAGE_PATH": str(folder / "archives"),
        "PRUNE_ENABLED": "false",
        "KUBE_API_SOCKET": str(folder / "no-apiserver"),
        **env,
    }
    words = ["-m", "fission.bundle.serve", "storagesvc"]
    made = Component(words, "http", settings, folder / "storagesvc.log", "/readyz")
    try:
        made.start()
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def fetcher(folder: Path, shared: str = "/packages", **env: str) -> Iterator[Component]:
    """A fetcher of one pod; its shared directory is `folder/shared`."""
    declared = {shared: "shared", "/secrets": "secrets", "/configs": "configs"}
    for name in declared.values():
        (folder / name).mkdir(parents=True, exist_ok=True)
    settings = {
        "POD_VOLUME_PATHS": json.dumps({k: str(folder / v) for k, v in declared.items()}),
        "FETCHER_CACHE_DIR": str(folder / "cache"),
        **env,
    }
    words = ["-m", "fission.fetcher", shared]
    made = Component(words, "http-fetcher", settings, folder / "fetcher.log", "/readiness-healthz")
    try:
        made.start()
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def statestore(folder: Path, **env: str) -> Iterator[Component]:
    """Statestore on a directory; not started yet."""
    settings = {"STATESTORE_PATH": str(folder / "state"), **env}
    words = ["-m", "fission.bundle.serve", "statestore"]
    made = Component(words, "http", settings, folder / "statestore.log", "/readyz")
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def mqtrigger(folder: Path, api_socket: str, **env: str) -> Iterator[Component]:
    """Mqtrigger on an API server; not started yet."""
    settings = {"KUBE_API_SOCKET": api_socket, "FISSION_TENANCY_MODE": "cluster", **env}
    words = ["-m", "fission.bundle.serve", "mqtrigger"]
    made = Component(words, "http", settings, folder / "mqtrigger.log", "/readyz")
    try:
        yield made
    finally:
        made.close()
