"""Wiring of storagesvc."""

from __future__ import annotations

import asyncio
import logging
import pathlib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fission.api import labels, resources
from fission.base import backoff, errors, podenv, tasks
from fission.base import clock as clocks
from fission.contracts import signing
from fission.contracts import storage as wire
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.meta import gvk, status
from fission.storagesvc import (
    config,
    handlers,
    local,
    metrics,
    objectstore,
    pruner,
)
from fission.web import listen
from fission_http import client as http_client
from fission_http import server

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deps:
    """What storagesvc does not make itself."""

    store: objectstore.ObjectStore
    list_referrers: pruner.ListReferrers | None
    """None: nothing is ever pruned."""
    masters: signing.Masters
    clock: clocks.Clock


class App:
    """A storagesvc process."""

    def __init__(self, settings: config.Config, deps: Deps) -> None:
        self._store = deps.store
        self.metrics = metrics.Metrics()
        self.service = handlers.make_service(
            deps.store,
            handlers.Authenticator(deps.masters, deps.clock),
            self.metrics,
            bounds=handlers.Bounds(
                settings.max_archive_bytes, settings.max_uploads, settings.upload_timeout_seconds
            ),
            checks={"storage": lambda: self.is_ready},
        )
        # Handlers bound what they read by what the request declares, and say so in their words.
        self._limits = server.Limits(max_body_bytes=1 << 62)
        self._pruner = None
        if settings.prune_enabled and deps.list_referrers is not None:
            self._pruner = pruner.Pruner(
                deps.store,
                deps.list_referrers,
                interval_seconds=settings.prune_interval_minutes * 60.0,
                min_age_seconds=settings.prune_min_age_seconds,
                clock=deps.clock,
                counts=self.metrics,
            )
        self.is_ready = False
        """Whether the storage has been found usable."""

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Serve until cancelled."""
        async with tasks.Tasks() as group:
            group.run(self.service.run(sockets, self._limits), "service")
            group.run(self._prepare(), "prepare")
            if self._pruner is not None:
                group.run(self._pruner.run(), "pruner")
            await group.wait()

    async def _prepare(self) -> None:
        """Have the storage ready, however long it is away, and learn what is there."""
        for pause in backoff.delays(0.5, cap_seconds=15.0):
            try:
                await self._store.prepare()
                self.metrics.swept += await self._store.sweep()
                self.metrics.listed(await self._store.list())
            except (errors.Error, OSError) as error:
                logger.warning("storage is not usable yet", extra={"error": str(error)})
                await asyncio.sleep(pause)
                continue
            self.is_ready = True
            return


def build(settings: config.Config, deps: Deps) -> App:
    """Put a storagesvc together."""
    return App(settings, deps)


async def serve(env: Mapping[str, str]) -> None:
    """Run a storagesvc process."""
    import prometheus_client

    settings = config.from_env(env)
    async with (
        http_client.Client() as http,
        kube_client.Client(kube_config.load(env), user_agent="storagesvc") as kube,
    ):
        deps = Deps(
            store=open_store(settings, env, http),
            list_referrers=referrer_source(kube, settings),
            masters=signing.masters_from_env(env),
            clock=clocks.SystemClock(),
        )
        app = build(settings, deps)
        prometheus_client.REGISTRY.register(app.metrics)
        try:
            await app.run(listen.sockets(env, wire.SOCKET_NAME, wire.PORT))
        finally:
            prometheus_client.REGISTRY.unregister(app.metrics)


def open_store(
    settings: config.Config, env: Mapping[str, str], http: http_client.Client
) -> objectstore.ObjectStore:
    """The storage that the settings ask for; raises SettingsError where it is not installed."""
    if settings.storage_type == wire.STORAGE_LOCAL:
        return local.LocalStore(
            pathlib.Path(podenv.volume_path(settings.base_path, env)),
            declared_base=settings.base_path,
            subdir=settings.subdir,
        )
    try:
        from fission.storagesvc import s3
    except ImportError as error:
        raise errors.SettingsError(
            "STORAGE_TYPE: s3 needs what `pip install 'fission[s3]'` installs"
            f" ({error.name} is missing)"
        ) from error
    bucket = s3.Bucket(
        name=settings.s3_bucket_name,
        subdir=settings.s3_sub_dir,
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        access_key_id=settings.s3_access_key_id,
        secret_access_key=settings.s3_secret_access_key,
    )
    return s3.S3Store(bucket, http, spool_dir=settings.spool_path or None)


def referrer_source(kube: kube_client.Client, settings: config.Config) -> pruner.ListReferrers:
    """How every object that may name an archive is listed."""
    namespaces = {settings.default_namespace, *settings.resource_namespaces}

    async def list_all(resource: gvk.Resource, label_selector: str | None) -> list[dict[str, Any]]:
        try:
            return (await kube.list(resource, label_selector=label_selector)).items
        except status.Forbidden:
            found: list[dict[str, Any]] = []
            for namespace in namespaces:
                listed = await kube.list(resource, namespace, label_selector=label_selector)
                found += listed.items
            return found

    async def list_referrers() -> list[dict[str, Any]]:
        # In the order in which a name moves: a build takes an archive from its cache to a Package.
        caches = await list_all(gvk.CONFIGMAPS, labels.BUILD_CACHE)
        return caches + await list_all(resources.PACKAGES, None)

    return list_referrers
