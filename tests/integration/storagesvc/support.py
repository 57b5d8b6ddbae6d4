"""A storagesvc on a real socket, over a store of its own, and a client of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib import parse

from fission.base import clock as clocks
from fission.contracts import signing
from fission.contracts import storage as wire
from fission.storagesvc import app, config, local, objectstore
from fission.web import listen
from fission_http import client as http_client
from tests.support import waiting

MASTER = b"0123456789abcdef0123456789abcdef"


@dataclass
class Fixture:
    http: http_client.Client
    url: str
    folder: Path
    masters: signing.Masters
    app: app.App

    async def call(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: list[tuple[str, str]] | None = None,
        namespace: str = "",
    ) -> tuple[int, bytes]:
        headers = list(headers or ())
        if self.masters.enabled:
            key = self.masters.keys(signing.STORAGESVC, namespace).current
            assert key is not None
            now = clocks.SystemClock().now().timestamp()
            headers += signing.headers(key, method, target, body, now, namespace)
        response = await self.http.request(method, self.url + target, headers, body)
        return response.status, await response.read(1 << 28)

    async def upload(
        self, content: bytes, namespace: str = "", **overrides: str
    ) -> tuple[int, dict[str, Any]]:
        content_type, head, tail = wire.multipart("a.zip", "boundary")
        headers = {
            "Content-Type": content_type,
            wire.FILE_SIZE_HEADER: str(len(content)),
        } | {name.replace("_", "-"): value for name, value in overrides.items()}
        given = [(name, value) for name, value in headers.items() if value]
        body = head + content + tail
        status, text = await self.call("POST", "/v1/archive", body, given, namespace)
        return status, json.loads(text) if text else {}

    @contextlib.asynccontextmanager
    async def half_an_upload(self) -> AsyncIterator[None]:
        """A client that has sent half of its archive, and leaves with the block."""
        host, port = self.url.removeprefix("http://").split(":")
        before = len(self.left_behind())
        _, writer = await asyncio.open_connection(host, int(port))
        content_type, head, _ = wire.multipart("a.zip", "boundary")
        writer.write(
            f"POST /v1/archive HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n"
            "X-File-Size: 2000000\r\nContent-Length: 2000200\r\n\r\n".encode()
            + head
            + bytes(1 << 20)
        )
        await writer.drain()
        await waiting.until(lambda: len(self.left_behind()) > before)
        yield
        writer.close()

    def left_behind(self) -> list[Path]:
        """Files below the store, the sums of archives apart."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return [path for path in files if path.parent.name != ".sums"]

    def stored(self, archive_id: str) -> Path:
        """The file of an archive of a local store."""
        return self.folder / archive_id.removeprefix("/fission/")


@contextlib.asynccontextmanager
async def storagesvc(
    folder: Path,
    *,
    masters: signing.Masters | None = None,
    max_mib: int = 4,
    store: objectstore.ObjectStore | None = None,
    clock: clocks.Clock | None = None,
    **settings: Any,
) -> AsyncIterator[Fixture]:
    masters = masters or signing.Masters()
    built = app.build(
        config.Config(max_archive_size_mib=max_mib, **settings),
        app.Deps(store or local.LocalStore(folder), None, masters, clock or clocks.SystemClock()),
    )
    opened = listen.bind("127.0.0.1", 0)
    host, port = opened.getsockname()
    running = asyncio.ensure_future(built.run([opened]))
    try:
        async with http_client.Client() as http:
            await waiting.until(lambda: built.is_ready or running.done())
            yield Fixture(http, f"http://{host}:{port}", folder, masters, built)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def by_id(archive_id: str) -> str:
    return f"/v1/archive?id={parse.quote(archive_id, safe='')}"
