"""A statestore on a real socket, and clients of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import prometheus_client

from fission.base import clock as clocks
from fission.contracts import signing
from fission.delivery import finders
from fission.delivery import statestore as client
from fission.statestore import app, config, store
from fission.web import listen
from fission_http import client as http_client

MASTERS = signing.Masters(b"0123456789abcdef0123456789abcdef", b"the secret before this one")


@dataclass
class Fixture:
    http: http_client.Client
    url: str
    app: app.App
    running: asyncio.Task[None]
    client: client.Statestore

    async def post(
        self, path: str, body: Any, masters: signing.Masters = MASTERS
    ) -> tuple[int, Any]:
        """A call in plain JSON, signed; the answer likewise."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        key = masters.keys(signing.STATESTORE).current
        now = clocks.SystemClock().now().timestamp()
        headers = signing.headers(key, "POST", path, content, now) if key else []
        response = await self.http.request("POST", self.url + path, headers, content)
        text = await response.read()
        return response.status, json.loads(text) if text else None

    async def get(self, path: str) -> tuple[int, str]:
        response = await self.http.request("GET", self.url + path)
        return response.status, (await response.read()).decode()

    async def stop(self) -> None:
        self.running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.running


@contextlib.asynccontextmanager
async def statestore(
    folder: Path, settings: config.Config | None = None, masters: signing.Masters = MASTERS
) -> AsyncIterator[Fixture]:
    """One that runs until the block ends."""
    clock = clocks.SystemClock()
    file = await asyncio.to_thread(store.File, folder / "state")
    made = app.App(settings or config.Config(), app.Deps(file, masters, clock))
    listening = listen.bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    running = asyncio.create_task(made.run([listening]))
    async with http_client.Client() as http:
        calls = client.Statestore(http, masters, finders.Fixed(url), clock)
        fixture = Fixture(http, url, made, running, calls)
        prometheus_client.REGISTRY.register(made.metrics)
        assert (await fixture.get("/readyz"))[0] == 200
        try:
            yield fixture
        finally:
            prometheus_client.REGISTRY.unregister(made.metrics)
            await fixture.stop()
