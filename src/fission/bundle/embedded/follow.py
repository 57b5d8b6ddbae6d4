"""Shows the log lines of the platform as they are written, until it has ended."""

from __future__ import annotations

import pathlib
import time
from typing import TextIO

from fission.cluster.supervisor import control

POLL_SECONDS = 0.2
"""Short enough to look live, long enough to cost nothing."""


class _Tail:
    """One growing file, from its present end on."""

    def __init__(self, path: pathlib.Path, name: str, *, from_start: bool) -> None:
        self._path = path
        self._name = name
        self._offset = 0 if from_start else path.stat().st_size

    def show(self, out: TextIO) -> None:
        try:
            if self._path.stat().st_size < self._offset:
                self._offset = 0  # rotated
            with self._path.open("rb") as file:
                file.seek(self._offset)
                lines = file.read(1 << 20)
        except OSError:
            return
        whole = lines[: lines.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            print(f"{self._name}: {_without_prefix(line)}", file=out, flush=True)


def follow(home: pathlib.Path, out: TextIO) -> None:
    """Print what is written from now on; returns when the platform has ended."""
    tails: dict[pathlib.Path, _Tail] = {}
    _discover(home, tails, from_start=False)
    while control.status(home) is not None:
        for tail in tails.values():
            tail.show(out)
        time.sleep(POLL_SECONDS)
        _discover(home, tails, from_start=True)


def _discover(home: pathlib.Path, tails: dict[pathlib.Path, _Tail], *, from_start: bool) -> None:
    logs = home / "logs"
    found = {logs / f"{name}.log": name for name in ("supervisor", "apiserver", "kubelet")}
    for path in logs.glob("pods/*/*/*.log"):
        pod = path.parts[-3].split("_")
        if path.parts[-2] != "fetcher":
            found[path] = pod[1] if len(pod) > 1 else pod[0]
    for path, name in found.items():
        if path not in tails and path.exists():
            tails[path] = _Tail(path, name, from_start=from_start)


def _without_prefix(line: str) -> str:
    """Drop the time, stream and flag of the container log format."""
    parts = line.split(" ", 3)
    if len(parts) == 4 and parts[1] in ("stdout", "stderr") and parts[2] in ("F", "P"):
        return parts[3]
    return line
