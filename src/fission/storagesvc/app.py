"""Wiring of storagesvc."""

from __future__ import annotations

import asyncio
import pathlib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fission.api import resources
from fission.base import clock as clocks
from fission.base import podenv, tasks
from fission.contracts import signing
from fission.contracts import storage as wire
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.meta import status
from fission.storagesvc import config, handlers, local, objectstore, pruner
from fission.web import listen, service


@dataclass(frozen=True)
class Deps:
    """What storagesvc does not make itself."""

    store: objectstore.ObjectStore
    list_packages: pruner.ListPackages | None
    """None: nothing is ever pruned."""
    masters: signing.Masters
    clock: clocks.Clock


class App:
    """A storagesvc process."""

    def __init__(self, made: service.Service, pruning: pruner.Pruner | None) -> None:
        self.service = made
        self.pruner = pruning

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Serve until cancelled."""
        async with tasks.Tasks() as group:
            group.run(self.service.run(sockets), "service")
            if self.pruner is not None:
                group.run(self.pruner.run(), "pruner")
            await group.wait()


def build(settings: config.Config, deps: Deps) -> App:
    """Put a storagesvc together."""
    authenticator = handlers.Authenticator(deps.masters, deps.clock)
    made = handlers.make_service(deps.store, authenticator, settings.max_archive_bytes)
    pruning = None
    if settings.prune_enabled and deps.list_packages is not None:
        pruning = pruner.Pruner(
            deps.store,
            deps.list_packages,
            interval_seconds=settings.prune_interval_minutes * 60.0,
            min_age_seconds=settings.prune_min_age_seconds,
            clock=deps.clock,
        )
    return App(made, pruning)


async def serve(env: Mapping[str, str]) -> None:
    """Run a storagesvc process."""
    settings = config.from_env(env)
    store = local.LocalStore(
        pathlib.Path(podenv.volume_path(settings.base_path, env)),
        declared_base=settings.base_path,
        subdir=settings.subdir,
    )
    await asyncio.to_thread(store.prepare)
    async with kube_client.Client(kube_config.load(env), user_agent="storagesvc") as kube:
        deps = Deps(
            store=store,
            list_packages=package_source(kube, settings),
            masters=signing.masters_from_env(env),
            clock=clocks.SystemClock(),
        )
        await build(settings, deps).run(listen.sockets(env, wire.SOCKET_NAME, wire.PORT))


def package_source(kube: kube_client.Client, settings: config.Config) -> pruner.ListPackages:
    """How every Package that may refer to an archive is listed."""

    async def list_packages() -> list[dict[str, Any]]:
        try:
            return (await kube.list(resources.PACKAGES)).items
        except status.Forbidden:
            found: list[dict[str, Any]] = []
            for namespace in {settings.default_namespace, *settings.resource_namespaces}:
                found += (await kube.list(resources.PACKAGES, namespace)).items
            return found

    return list_packages
