"""A statestore in this process: its real service on a free port, its file in a folder."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
from collections.abc import AsyncIterator

from fission.base import clock as clocks
from fission.contracts import signing
from fission.delivery import finders
from fission.delivery import statestore as clients
from fission.statestore import app, config
from fission.statestore import store as stores
from fission.web import listen
from fission_http import client as http_client


class Served:
    """Use ``running``. ``stop`` and ``start``: a restart on the same port, with the same file."""

    def __init__(self, folder: pathlib.Path, http: http_client.Client) -> None:
        self._folder = folder
        self._task: asyncio.Task[None] | None = None
        self._port = 0
        self._masters = signing.Masters(b"0123456789abcdef0123456789abcdef")
        self._http = http

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def client(self, masters: signing.Masters | None = None) -> clients.Statestore:
        """A client; ``masters`` others than its own are refused."""
        where = finders.Fixed(self.url)
        return clients.Statestore(self._http, masters or self._masters, where, clocks.SystemClock())

    async def start(self) -> None:
        listening = listen.bind("127.0.0.1", self._port)
        self._port = listening.getsockname()[1]
        made = app.App(
            config.Config(),
            app.Deps(
                await asyncio.to_thread(stores.File, self._folder),
                self._masters,
                clocks.SystemClock(),
            ),
        )
        self._task = asyncio.ensure_future(made.run([listening]))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None


@contextlib.asynccontextmanager
async def running(folder: pathlib.Path) -> AsyncIterator[Served]:
    """Serve until the block ends."""
    async with http_client.Client() as http:
        served = Served(folder, http)
        await served.start()
        try:
            yield served
        finally:
            await served.stop()
