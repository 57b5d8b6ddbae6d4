"""A real S3 server for tests: `rclone serve s3`, which bin/test installs.

`FISSION_TEST_S3=endpoint,access key,secret key` names another one instead, of whatever make.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ACCESS_KEY = "fission-tests"
SECRET_KEY = "a-secret-of-no-importance"
DEADLINE_SECONDS = 15.0
MISSING = "rclone, the S3 server of the tests, is not installed; bin/test installs it"


@dataclass(frozen=True)
class S3Server:
    """Where it listens, who may use it, and where it keeps its files, when that is known."""

    endpoint: str
    access_key: str
    secret_key: str
    folder: Path | None


def program() -> str | None:
    """The rclone that bin/test keeps, else the machine's own."""
    kept = Path(__file__).parents[2] / ".venv" / "test-needs" / "rclone" / "bin" / "rclone"
    return str(kept) if kept.exists() else shutil.which("rclone")


def is_available() -> bool:
    return bool(os.environ.get("FISSION_TEST_S3") or program())


@contextlib.contextmanager
def running(folder: Path) -> Iterator[S3Server]:
    """A server that keeps its objects below `folder`, ended with the block."""
    other = os.environ.get("FISSION_TEST_S3")
    if other:
        endpoint, access_key, secret_key = other.split(",")
        yield S3Server(endpoint, access_key, secret_key, None)
        return
    found = program()
    assert found is not None, MISSING
    (folder / "objects").mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [found, "serve", "s3", "--addr", address, "--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"]
    command += ["--config", str(folder / "rclone.conf"), "--cache-dir", str(folder / "cache")]
    command += ["--vfs-cache-mode", "off", str(folder / "objects")]
    with (folder / "rclone.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(process, address, folder / "rclone.log")
        yield S3Server(f"http://{address}", ACCESS_KEY, SECRET_KEY, folder / "objects")
    finally:
        process.kill()
        process.wait(10)


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    host, _, port = address.partition(":")
    give_up = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1.0):
            return
    raise RuntimeError(f"the S3 server does not listen: {log.read_text()[-500:]}")
