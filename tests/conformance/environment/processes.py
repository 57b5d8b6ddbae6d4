"""A runtime process with a volume of its own, as a pod would have it, and calls of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from fission.cluster.kubelet import images
from tests.conformance.environment import catalog
from tests.support import imageprocess

DEADLINE_SECONDS = 20.0
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Prepared:
    """A language whose image and samples are made."""

    runtime: catalog.Runtime
    image: images.Image
    samples: pathlib.Path

    def require(self, promise: catalog.Promise) -> None:
        """Skip the test where the catalog says why the language does not promise this."""
        reason = self.runtime.lacks.get(promise)
        if reason:
            pytest.skip(f"{self.runtime.name} does not promise that {promise.value}: {reason}")


class Answer:
    """A response, read to its end."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:300]!r}>"


class Process:
    """One runtime process in a pod of its own."""

    def __init__(
        self,
        prepared: Prepared,
        folder: pathlib.Path,
        address: tuple[str, int],
        process: subprocess.Popen[bytes],
    ) -> None:
        self.runtime = prepared.runtime
        self.samples = prepared.samples
        self.volume = folder / "userfunc"
        self.log_path = folder / "log"
        self.address = address
        self.process = process

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self.address, timeout=DEADLINE_SECONDS)

    def call(
        self,
        method: str = "GET",
        path: str = "/",
        body: bytes | Iterable[bytes] = b"",
        **headers: str,
    ) -> Answer:
        """One request on a connection of its own; a body in pieces is sent chunked."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(self.connection()) as connection:
            try:
                connection.request(method, path, body, named)
                return Answer(connection.getresponse())
            except (OSError, http.client.HTTPException) as error:
                error.add_note(f"{method} {path}; {self.state()}")
                raise

    def write(self, files: Mapping[str, str]) -> None:
        """Put a folder of code where the fetcher would put it."""
        for name, content in files.items():
            path = self.volume / "deployarchive" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def put(self, name: str, target: str = "deployarchive") -> None:
        """Put a sample where the fetcher would put it, in place of what is there."""
        source, place = self.samples / name, self.volume / target
        if place.is_dir():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
        if source.is_dir():
            shutil.copytree(source, place)
        else:
            shutil.copy(source, place)

    def specialize(self, entry_point: str, **more: Any) -> Answer:
        load_request = {
            "filepath": "/userfunc/deployarchive",
            "functionName": entry_point,
            "url": "",
            "FunctionMetadata": {"name": "f", "namespace": "default"},
            "envVersion": 3,
            **more,
        }
        return self.call(
            "POST",
            "/v2/specialize",
            json.dumps(load_request).encode(),
            Content_Type="application/json",
        )

    def load(self, code: catalog.Code, **more: Any) -> None:
        """Put a sample and specialize; fails with what the runtime said."""
        self.put(code.path)
        answer = self.specialize(code.entry_point, **more)
        assert answer.status == self.runtime.specialized, f"{answer}; {self.state()}"

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def wait_log(self, text: str, count: int = 1) -> None:
        """Return when a text is in the log that often."""
        give_up = time.monotonic() + DEADLINE_SECONDS
        while self.log().count(text) < count:
            found = self.log().count(text)
            assert time.monotonic() < give_up, f"{text!r} logged {found} times; {self.state()}"
            time.sleep(POLL_SECONDS)

    def wait_listening(self) -> None:
        """Return when somebody listens at the address: only where no socket was handed over."""
        give_up = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                socket.create_connection(self.address, DEADLINE_SECONDS).close()
                return
            except ConnectionRefusedError:
                assert time.monotonic() < give_up, f"nobody listens; {self.state()}"
                assert self.process.poll() is None, self.state()
                time.sleep(POLL_SECONDS)

    def descriptors(self) -> list[str]:
        """What each open descriptor of the process is."""
        found = []
        for entry in os.scandir(f"/proc/{self.process.pid}/fd"):
            with contextlib.suppress(OSError):
                found.append(os.readlink(entry.path))
        return found

    def state(self) -> str:
        """For the message of a failed assertion: whether it runs, and the end of its log."""
        code = self.process.poll()
        is_running = "running" if code is None else f"ended with {code}"
        return f"{self.runtime.name} runtime {is_running}, its log ends: {self.log()[-1500:]!r}"


@contextlib.contextmanager
def running(
    prepared: Prepared,
    folder: pathlib.Path,
    env: Mapping[str, str] | None = None,
    file_kib: int | str = "unlimited",
    address: tuple[str, int] | None = None,
) -> Iterator[Process]:
    """Start a runtime in a pod's folder and end it with the block.

    It gets a loopback socket, unless ``address`` is where it is going to listen by itself.
    ``file_kib``: the largest file it may write.
    """
    temporary = folder / "tmp"
    for one in (folder / "userfunc", temporary):
        one.mkdir(parents=True, exist_ok=True)
    listeners = [] if address else [socket.create_server(("127.0.0.1", 0), backlog=128)]
    given = address or listeners[0].getsockname()
    with (folder / "log").open("ab") as sink:
        process = imageprocess.start(
            prepared.image,
            listeners,
            {"/userfunc": folder / "userfunc"},
            sink,
            {"TMPDIR": str(temporary), **prepared.runtime.env, **(env or {})},
            file_kib,
        )
    for listener in listeners:
        listener.close()
    try:
        yield Process(prepared, folder, given, process)
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE_SECONDS)
        finally:
            process.kill()
            process.wait()
