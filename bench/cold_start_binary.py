"""First call of a shell script that nobody has called yet; what a process per request costs.

What is timed and what it is compared with: `libcold`. The last rows leave the platform out: the
runtime alone, over one kept connection, against `subprocess.run` of the same script with the same
variables, alternated.
"""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
from typing import Any

import libcold
from tests.support import imageprocess

SCRIPT = "#!/bin/sh\nprintf cold\n"
CALLS = 300
FOLDER = libcold.REPOSITORY / "environments" / "binary"


def run() -> dict[str, Any]:
    """Measure; returns rows of milliseconds and their ratio to the baseline."""
    case = libcold.Case("binary", "fission/binary-env", "binary", "cold.sh", b"cold", make=_make)
    result = libcold.run(case)
    with tempfile.TemporaryDirectory() as name:
        ours, bare = _per_request(pathlib.Path(name))
    baseline = libcold.row("", bare, 1.0)["p50"]
    result["rows"] += [
        libcold.row("a call of the runtime alone", ours, baseline),
        libcold.row("baseline: subprocess.run of the script", bare, baseline),
    ]
    ratio = result["rows"][-2]["ratio"]
    result["summary"] += f"; a call of the runtime takes {ratio:.2f} of subprocess.run"
    return result


def _make(folder: pathlib.Path) -> pathlib.Path:
    code = folder / "cold.sh"
    code.write_text(SCRIPT)
    return code


def _per_request(folder: pathlib.Path) -> tuple[list[float], list[float]]:
    volume = folder / "userfunc"
    volume.mkdir()
    script = _make(folder)
    script.chmod(0o755)
    shutil.copy(script, volume / "deployarchive")
    image = imageprocess.load(FOLDER, folder)
    with socket.create_server(("127.0.0.1", 0)) as listener, (folder / "log").open("wb") as log:
        address = listener.getsockname()
        process = imageprocess.start(image, [listener], {"/userfunc": volume}, log)
    try:
        connection = http.client.HTTPConnection(*address, timeout=libcold.DEADLINE_SECONDS)
        _ask(connection, "POST", "/v2/specialize", json.dumps({"functionName": ""}).encode())
        ours, bare = [], []
        for _ in range(CALLS):
            started = time.perf_counter()
            if _ask(connection, "GET", "/", b"") != b"cold":
                raise RuntimeError((folder / "log").read_text())
            called = time.perf_counter()
            subprocess.run([script], env=dict(os.environ), stdout=subprocess.PIPE, check=True)
            bare.append((time.perf_counter() - called) * 1000)
            ours.append((called - started) * 1000)
        connection.close()
        return ours, bare
    finally:
        process.terminate()
        process.wait()


def _ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> bytes:
    connection.request(method, path, body)
    return connection.getresponse().read()
