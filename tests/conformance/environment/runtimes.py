"""Starts a runtime server as the platform would: a handed-over socket, code in a volume."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

REPOSITORY = pathlib.Path(__file__).parents[3]

COMMANDS = {
    "python": ([sys.executable, "-m", "fission_python"], REPOSITORY / "environments" / "python"),
}
"""Language → how its runtime is started, and the folder that holds it."""

DEADLINE_SECONDS = 20.0


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class Runtime:
    """One runtime process in a pod of its own."""

    def __init__(self, volume: pathlib.Path, address: tuple[str, int], process: Any) -> None:
        self.volume = volume
        self.address = address
        self.process = process

    def call(
        self, method: str = "GET", path: str = "/", body: bytes = b"", **headers: str
    ) -> Answer:
        connection = http.client.HTTPConnection(*self.address, timeout=DEADLINE_SECONDS)
        with contextlib.closing(connection):
            connection.request(
                method, path, body, {k.replace("_", "-"): v for k, v in headers.items()}
            )
            return Answer(connection.getresponse())

    def write(self, files: dict[str, str]) -> None:
        """Put a folder of code where the fetcher would put it."""
        for name, content in files.items():
            path = self.volume / "deployarchive" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def specialize(self, entry_point: str, **more: Any) -> Answer:
        load_request = {
            "filepath": "/userfunc/deployarchive",
            "functionName": entry_point,
            "url": "",
            "FunctionMetadata": {"name": "f", "namespace": "default"},
            "envVersion": 3,
            **more,
        }
        return self.call("POST", "/v2/specialize", json.dumps(load_request).encode())


@contextlib.contextmanager
def running(
    language: str, volume: pathlib.Path, log: pathlib.Path, file_kib: int | str = "unlimited"
) -> Iterator[Runtime]:
    """Start a runtime on a loopback socket and end it afterwards; files are limited in size."""
    command, folder = COMMANDS[language]
    volume.mkdir(exist_ok=True)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    address = listener.getsockname()
    env = {
        **os.environ,
        "LISTEN_FDS": "1",
        "LISTEN_FDNAMES": "http-env",
        "POD_VOLUME_PATHS": json.dumps({"/userfunc": str(volume)}),
        "PYTHONPATH": str(folder),
    }
    with log.open("ab") as sink:
        process = subprocess.Popen(
            [
                *("bash", "-c", 'ulimit -f "$1"; exec 3<&"$0" "${@:2}"'),
                *(str(listener.fileno()), str(file_kib), *command),
            ],
            env=env,
            pass_fds=[listener.fileno()],
            stdout=sink,
            stderr=sink,
        )
    listener.close()
    try:
        yield Runtime(volume, address, process)
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE_SECONDS)
        finally:
            process.kill()
