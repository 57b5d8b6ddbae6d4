"""Wiring: store → kinds → writer → objects → extensions → handler → listeners."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from pathlib import Path

from fission.base import clock, ids, tasks
from fission.cluster.apiserver import (
    calls,
    discovery,
    extensions,
    handler,
    kinds,
    objects,
    pki,
    plainpaths,
    serving,
    streaming,
    writer,
)
from fission.cluster.apiserver.crd import registry
from fission.cluster.apiserver.policies import judge
from fission.cluster.apiserver.strategies import base
from fission.cluster.storage import compaction, store
from fission.meta import gvk, status

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
STOP_GRACE_SECONDS = 3.0
KUBELET_SOCKET = "kubelet.sock"
"""In the run folder: where the node's kubelet tells what pods use."""


@dataclass(frozen=True)
class Config:
    home: Path
    """Where the store, the keys and the pods' logs are."""
    run_dir: Path
    """Where the unix socket is made."""
    hosts: tuple[str, ...] = ()
    """Further names that the certificate must hold."""
    history_seconds: float = compaction.HISTORY_SECONDS
    """How long a watch may be resumed; as upstream."""


class ApiServer:
    """One running API server: ``await ApiServer.start(config)``, then ``run`` until cancelled."""

    def __init__(
        self,
        config: Config,
        opened: store.Store,
        files: pki.Pki,
        parts: extensions.Extensions,
        services: calls.Services,
        time: clock.Clock,
    ) -> None:
        self.config = config
        self.files = files
        self.store = opened
        self.objects = services.objects
        self._extensions = parts
        self._services = services
        self._time = time
        self._ready = False
        documents = discovery.Discovery(services.served, parts.parts)
        plain = plainpaths.Plain(services, documents, lambda: self._ready)
        self._listeners = serving.Listeners(handler.Handler(services, documents, plain))

    @classmethod
    async def start(cls, config: Config, time: clock.Clock | None = None) -> ApiServer:
        """Open the store, make what every cluster has; nothing listens yet."""
        time = time or clock.SystemClock()
        files = await asyncio.to_thread(pki.ensure, config.home / "pki", time.now(), config.hosts)
        opened = await store.Store.open(config.home / "store")
        definitions = registry.Registry(time)
        served = kinds.Kinds(definitions)
        around = base.Surroundings(objects.Reader(opened), time.now, ids.short_id)
        target = writer.Writer(opened, served, around, judge.Policies(around.objects))
        view = objects.Objects(opened, served, target)
        parts = extensions.build(
            files,
            definitions,
            view,
            lambda: [kind.resource for kind in served.all() if kind.custom is None],
            config.home / "logs" / "pods",
            config.run_dir / KUBELET_SOCKET,
            time,
        )
        services = calls.Services(opened, served, target, view, parts.parts, time, set())
        server = cls(config, opened, files, parts, services, time)
        await server._bootstrap()
        return server

    async def _bootstrap(self) -> None:
        for name in NAMESPACES:
            if self.objects.get(gvk.NAMESPACES, "", name) is None:
                try:
                    await self.objects.create(gvk.NAMESPACES, {"metadata": {"name": name}})
                except status.AlreadyExists:
                    continue
        await self._extensions.start()

    async def listen(self, tls: list[socket.socket]) -> Path:
        """Open the listeners; returns the unix socket's path."""
        for listening in tls:
            await self._listeners.add_tls(
                listening, self.files.server_certificate, self.files.server_key
            )
        self.config.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.config.run_dir / "apiserver.sock"
        await self._listeners.add_unix(path)
        self._ready = True
        return path

    async def run(self) -> None:
        """Compact and follow definitions until cancelled."""
        async with tasks.Tasks() as group:
            group.run(self._extensions.run(), "definitions")
            group.run(
                compaction.run(self.store, self._time, self.config.history_seconds), "compaction"
            )
            await group.wait()

    async def close(self) -> None:
        """End watches and requests, then close the store."""
        self._ready = False
        streaming.end_all(self._services.live)
        await self._listeners.close(STOP_GRACE_SECONDS)
        await self.store.close()

    @property
    def services(self) -> calls.Services:
        """The parts that the verbs work with."""
        return self._services
