"""A platform of a scenario's own: started in a home of its own on free ports, ended with the block.

Not a scenario: shared by those that measure the whole platform.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

DEADLINE_SECONDS = 60.0


class Platform:
    """One home, and the command line for it."""

    def __init__(self, home: pathlib.Path) -> None:
        self.home = home
        self._env = {**os.environ, "FISSION_HOME": str(home)}

    def fission(self, *words: str) -> str:
        """What the command prints; ends the scenario when it fails."""
        command = [sys.executable, "-m", "fission.cli.main", *words]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"fission {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def up(self) -> None:
        self.fission("up", "-d", "--ports", "auto")

    def down(self) -> None:
        self.fission("down")

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.fission("status", "-o", "json"))
        return found

    def make_environment(
        self, pool_size: int, name: str = "python", image: str = "fission/python-env", *more: str
    ) -> None:
        words = ("--name", name, "--image", image, "--poolsize", str(pool_size), *more)
        self.fission("env", "create", *words)

    def wait_pool(self, pool_size: int, quiet_seconds: float, name: str = "python") -> None:
        """Wait until the pool has all its pods, and then a moment more."""
        give_up = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < give_up:
            lines = self.fission("env", "pods", "--name", name).splitlines()[1:]
            if sum(_is_generic_and_ready(line.split()) for line in lines) >= pool_size:
                time.sleep(quiet_seconds)
                return
        raise RuntimeError("the pool did not fill")


def _is_generic_and_ready(cells: list[str]) -> bool:
    """Whether a line `NAME NAMESPACE READY STATUS …  MANAGED` is of a pod that waits."""
    ready, _, all_of_them = cells[2].partition("/")
    return ready == all_of_them and "Running" in cells and "true" in cells[-2:]


@contextlib.contextmanager
def home() -> Iterator[Platform]:
    """A platform that is not started yet; whatever runs at the end of the block is ended."""
    with tempfile.TemporaryDirectory(prefix="fission-bench-") as folder:
        platform = Platform(pathlib.Path(folder) / "home")
        try:
            yield platform
        finally:
            platform.down()


@contextlib.contextmanager
def running() -> Iterator[Platform]:
    """A platform that runs."""
    with home() as platform:
        platform.up()
        yield platform
