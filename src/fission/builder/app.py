"""Wiring of the builder."""

from __future__ import annotations

import asyncio
import os
import pathlib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fission.base import clock as clocks
from fission.base import podenv
from fission.builder import build, config, downloads, folders, handlers, processes
from fission.contracts import builder as wire
from fission.contracts import signing
from fission.web import listen, service

GRACE_SECONDS = 1.0
"""A build that runs when the pod ends is run again elsewhere: there is nothing to wait for."""


@dataclass(frozen=True)
class Deps:
    """What the builder does not make itself."""

    env: Mapping[str, str]
    clock: clocks.Clock
    reaper: processes.Reaper
    default_program: str = wire.DEFAULT_COMMAND


class App:
    """A builder."""

    def __init__(self, settings: config.Config, deps: Deps) -> None:
        packages = pathlib.Path(podenv.volume_path(settings.packages_dir, deps.env))
        around = build.Surroundings(
            env=deps.env,
            timeout_seconds=settings.timeout_seconds,
            cache_dir=usable_cache(pathlib.Path(podenv.volume_path(wire.CACHE_DIR, deps.env))),
            cache_variables=config.parse_cache_variables(settings.cache_variables),
            default_program=deps.default_program,
            min_free_bytes=settings.min_free_mib << 20,
        )
        self.places = folders.Folders(packages)
        self.downloads = downloads.Downloads(around.cache_dir, settings.cache_max_mib << 20)
        self.service: service.Service = handlers.make_service(
            build.Builds(self.places, around, self.downloads, deps.reaper, deps.clock),
            self.places,
            signing.keys_from_env(deps.env, signing.BUILDER_KEY_VARIABLE, signing.BUILDER),
            handlers.Limits(settings.max_builds, settings.max_log_bytes),
            deps.clock,
        )

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Serve until cancelled."""
        await asyncio.to_thread(self.places.prepare)
        try:
            await self.service.run(sockets, grace_seconds=GRACE_SECONDS)
        finally:
            await self.downloads.aclose()


def make(settings: config.Config, deps: Deps) -> App:
    """Put a builder together."""
    return App(settings, deps)


async def serve(settings: config.Config, env: Mapping[str, str]) -> None:
    """Run a builder process."""
    deps = Deps(env, clocks.SystemClock(), processes.Reaper(owns_process=True))
    # The pod's address where it is known: nothing listens beyond the pod's own network.
    here = {**env, listen.HOST_VARIABLE: env.get("POD_IP") or "127.0.0.1"}
    sockets = listen.sockets(here, wire.PORT_NAME, wire.PORT)
    await make(settings, deps).run(sockets)


def usable_cache(path: pathlib.Path) -> pathlib.Path | None:
    """The shared download cache, where the pod has one that it may write to."""
    return path if path.is_dir() and os.access(path, os.W_OK | os.X_OK) else None
