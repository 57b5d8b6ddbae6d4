"""A builder over HTTP: real commands, real process trees."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from fission.base import clock as clocks
from fission.builder import app, config, processes
from fission.contracts import builder as wire
from fission.contracts import signing
from fission.web import listen
from fission_http import client as http_client
from tests.support import waiting as waits

KEY = bytes(range(32))
COPY = '#!/bin/sh\necho copying\ncp -r "$SRC_PKG" "$DEPLOY_PKG"\n'


@dataclass
class Here:
    """A running builder and its directory."""

    http: http_client.Client
    url: str
    packages: pathlib.Path
    keys: signing.Keys

    def put(self, name: str, **scripts: str) -> None:
        """A source with scripts in it, executable as a zip with modes would leave them."""
        (self.packages / name).mkdir()
        for script, text in scripts.items():
            path = self.packages / name / f"{script}.sh"
            path.write_text(text)
            path.chmod(0o755)

    async def call(
        self, method: str, target: str, body: bytes = b"", accept: str = "*/*"
    ) -> http_client.ClientResponse:
        headers = [("Accept", accept)]
        if self.keys.current:
            now = clocks.SystemClock().now().timestamp()
            headers += signing.headers(self.keys.current, method, target, body, now)
        return await self.http.request(
            method, self.url + target, headers, body, timeout_seconds=20.0
        )

    async def build(self, name: str, command: str) -> tuple[int, wire.BuildResponse]:
        body = wire.encode(wire.BuildRequest(source_filename=name, command=command))
        response = await self.call("POST", "/", body)
        return response.status, wire.decode_response(await response.read())

    async def stream(self, name: str, command: str) -> http_client.ClientResponse:
        body = wire.encode(wire.BuildRequest(source_filename=name, command=command))
        return await self.call("POST", "/", body, wire.STREAM_TYPE)

    def names(self) -> list[str]:
        """What lies in the directory besides the builder's mark."""
        return sorted(set(os.listdir(self.packages)) - {".fission-builder"})


@contextlib.asynccontextmanager
async def builder(
    tmp_path: pathlib.Path, env: dict[str, str] | None = None, *, signed: bool = False, **more: Any
) -> AsyncIterator[Here]:
    packages = tmp_path / "packages"
    packages.mkdir(exist_ok=True)
    around = {"PATH": os.environ["PATH"], "FISSION_BUILDER_KEY_OLD": "00" * 32} | (env or {})
    if signed:
        around["FISSION_BUILDER_KEY"] = KEY.hex()
    settings = config.Config(packages_dir=str(packages), **more)
    deps = app.Deps(
        around,
        clocks.SystemClock(),
        processes.Reaper(owns_process=False),
        default_program=str(tmp_path / "image" / "build"),
    )
    opened = listen.bind("127.0.0.1", 0)
    host, port = opened.getsockname()
    built = app.make(settings, deps)
    running = asyncio.ensure_future(built.run([opened]))
    async with http_client.Client() as http:
        keys = signing.Keys(KEY) if signed else signing.Keys()
        here = Here(http, f"http://{host}:{port}", packages, keys)
        try:
            await waits.until(lambda: (packages / ".fission-builder").exists(), seconds=5)
            yield here
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def lines_of(response: http_client.ClientResponse) -> tuple[str, wire.BuildOutcome]:
    log = ""
    for line in (await response.read()).splitlines():
        found = wire.decode_line(line)
        if isinstance(found, wire.BuildOutcome):
            return log, found
        log += found
    raise AssertionError("the stream has no outcome")


async def test_a_build_makes_an_artifact_and_tells_its_log(tmp_path: pathlib.Path) -> None:
    async with builder(tmp_path) as here:
        here.put("hello-abcdef", build=COPY)
        code, answer = await here.build("hello-abcdef", "./build.sh")
        assert (code, answer.build_logs) == (200, "copying\n")
        artifact = here.packages / answer.artifact_filename
        assert answer.artifact_filename.startswith("hello-abcdef-")
        assert (artifact / "build.sh").read_text() == COPY
        assert here.names() == ["hello-abcdef", answer.artifact_filename]

        response = await here.call("DELETE", wire.clean_target("hello-abcdef"))
        assert response.status == 200
        assert here.names() == []
