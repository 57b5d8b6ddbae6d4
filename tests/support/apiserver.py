"""The embedded API server inside the test's own process, on a unix socket in a folder that goes.

``async with apiserver.running() as server:`` gives ``server.socket`` (path), and for people who
want TLS ``server.url``, ``server.ca`` and ``server.token``. Reconcilers do not run: the default
ServiceAccount of namespace ``default`` is made here, so that pods can be created.
"""

import asyncio
import contextlib
import json
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fission.cluster.apiserver import app
from fission.meta import gvk
from fission_http import client as http_client


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any
    """Decoded when it is JSON, else text."""


@dataclass(frozen=True)
class Running:
    server: app.ApiServer
    socket: str
    url: str
    ca: str
    token: str
    http: http_client.Client

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request as the administrator."""
        content = body if isinstance(body, bytes) else b""
        if body is not None and not isinstance(body, bytes):
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        sent = {"accept": "application/json", **(headers or {})}
        if body is not None and content_type:
            sent.setdefault("content-type", content_type)
        response = await self.http.request(
            method,
            f"http://apiserver{path}",
            headers=list(sent.items()),
            body=content,
            unix_socket=self.socket,
        )
        raw = await response.read(64 * 1024 * 1024)
        found = {name.lower(): value for name, value in response.headers.items()}
        shown: Any = raw.decode()
        if found.get("content-type", "").startswith("application/json") and raw:
            shown = json.loads(raw)
        return Answer(response.status, found, shown)

    @contextlib.asynccontextmanager
    async def watch(self, path: str) -> AsyncIterator["Events"]:
        """The events of a watch as they come."""
        response = await self.http.request(
            "GET", f"http://apiserver{path}", unix_socket=self.socket
        )
        try:
            yield Events(response)
        finally:
            await response.aclose()


class Events:
    """``await next()`` gives (type, object); None when the stream has ended."""

    def __init__(self, response: http_client.ClientResponse) -> None:
        self.status = response.status
        self._chunks = response.iter_bytes().__aiter__()
        self._rest = b""

    async def next(self, timeout_seconds: float = 5.0) -> tuple[str, Any] | None:
        async with asyncio.timeout(timeout_seconds):
            while b"\n" not in self._rest:
                try:
                    self._rest += await self._chunks.__anext__()
                except StopAsyncIteration:
                    return None
        line, _, self._rest = self._rest.partition(b"\n")
        event = json.loads(line)
        return event.get("type", ""), event.get("object", event)


@contextlib.asynccontextmanager
async def running(home: Path | None = None) -> AsyncIterator[Running]:
    """Start, serve, stop. With ``home`` the store outlives the block."""
    with contextlib.ExitStack() as stack:
        if home is None:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="api-")))
        run_dir = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="run-")))
        server = await app.ApiServer.start(app.Config(home, run_dir))
        listening = socket.create_server(("127.0.0.1", 0))
        try:
            path = await server.listen([listening])
            if server.objects.get(gvk.SERVICEACCOUNTS, "default", "default") is None:
                account = {"metadata": {"name": "default", "namespace": "default"}}
                await server.objects.create(gvk.SERVICEACCOUNTS, account)
            beside = asyncio.ensure_future(server.run())
            async with http_client.Client() as http:
                port = listening.getsockname()[1]
                yield Running(
                    server,
                    str(path),
                    f"https://127.0.0.1:{port}",
                    str(server.files.ca_certificate),
                    server.files.admin_token(),
                    http,
                )
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)
        finally:
            await server.close()
