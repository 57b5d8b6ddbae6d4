"""Wiring of statestore."""

from __future__ import annotations

import asyncio
import logging
import pathlib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.base import podenv, tasks
from fission.contracts import signing
from fission.contracts import statestore as wire
from fission.statestore import config, errors, handlers, metrics
from fission.statestore import store as stores
from fission.web import listen
from fission_http import server

_log = logging.getLogger(__name__)

UPKEEP_SECONDS: Final = 60.0
"""Between passes that forget what is past its time; nothing waits for them."""


@dataclass(frozen=True)
class Deps:
    """What statestore does not make itself."""

    file: stores.File
    masters: signing.Masters
    clock: clocks.Clock


class App:
    """A statestore process; made inside its event loop."""

    def __init__(self, settings: config.Config, deps: Deps) -> None:
        self._settings = settings
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.store = stores.Store(
            deps.file,
            settings.bounds,
            deps.clock,
            max_waiting=settings.max_waiting,
            on_broken=self._break,
        )
        self.metrics = metrics.Metrics(lambda: self.store.counts, lambda: self.store.waiting.count)
        self.service = handlers.make_service(
            self.store,
            handlers.Authenticator(deps.masters, deps.clock),
            self.metrics,
            max_inflight_bytes=settings.max_inflight_mib << 20,
        )

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Serve until cancelled; raises StoreBroken when the disk fails."""
        try:
            async with tasks.Tasks() as group:
                group.run(self._serve(sockets), "service")
                group.run(self._keep_up(), "upkeep")
                group.run(self._until_broken(), "store")
                await group.wait()
        finally:
            await self.store.close()

    async def _serve(self, sockets: Sequence[socket.socket]) -> None:
        """Calls that wait are answered before the server counts who is still busy."""
        # Handlers bound what they read, and say so in their words.
        await self.service.start(sockets, server.Limits(max_body_bytes=1 << 62))
        try:
            await asyncio.Event().wait()
        finally:
            self.store.let_go()
            await self.service.stop()

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(UPKEEP_SECONDS)
            try:
                await self.keep_up()
            except errors.StateError as error:
                _log.warning("upkeep was put off", extra={"error": str(error)})

    async def keep_up(self) -> None:
        """One pass: forget what is past its time."""
        if self._settings.retention_seconds > 0:
            forgotten = await self.store.expire_streams(
                wire.TOPIC_PREFIX, self._settings.retention_seconds
            )
            for stream, events in forgotten.items():
                self.metrics.expired += events
                _log.info(
                    "events are older than the retention (STATESTORE_RETENTION)",
                    extra={"stream": stream, "events": events},
                )
        await self.store.tidy()

    async def _until_broken(self) -> None:
        await self._broken

    def _break(self, error: errors.StoreBroken) -> None:
        if not self._broken.done():
            self._broken.set_exception(error)


async def serve(env: Mapping[str, str]) -> None:
    """Run a statestore process."""
    import prometheus_client

    settings = config.from_env(env)
    folder = pathlib.Path(podenv.volume_path(settings.path, env))
    masters = signing.masters_from_env(env)
    app = App(
        settings,
        Deps(await asyncio.to_thread(stores.File, folder), masters, clocks.SystemClock()),
    )
    prometheus_client.REGISTRY.register(app.metrics)
    try:
        await app.run(listen.sockets(env, wire.SOCKET_NAME, wire.PORT))
    except errors.StoreBroken as error:
        raise base_errors.SettingsError(f"{error}; starting anew shows what is left") from error
    finally:
        prometheus_client.REGISTRY.unregister(app.metrics)
