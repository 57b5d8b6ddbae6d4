"""Wiring of buildermgr."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pathlib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import prometheus_client

from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.base import ids, tasks
from fission.buildermgr import (
    build,
    builds,
    calls,
    catalog,
    config,
    environment_reconciler,
    metrics,
    outcome,
    package_reconciler,
    resources,
    slots,
)
from fission.contracts import fetcherpod, signing
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.kube import events, leases, peers
from fission.web import client as web_client
from fission.web import listen, service

logger = logging.getLogger(__name__)

INSTANCE_ID_LENGTH = 8
LEASE_NAME = "fission-buildermgr"
SOCKET_NAME = "http"
PORT = 8888
"""Health and metrics only; a pod of its own, so the port of its neighbours is free."""


@dataclass(frozen=True)
class Deps:
    """What buildermgr does not make itself."""

    kube: kube_client.Client
    http: web_client.HttpClient
    masters: signing.Masters
    clock: clocks.Clock
    instance_id: str
    podspec_patch: dict[str, Any] = field(default_factory=dict)
    registry: prometheus_client.CollectorRegistry = prometheus_client.REGISTRY


class App:
    """A buildermgr process."""

    def __init__(self, settings: config.Config, deps: Deps) -> None:
        self._settings = settings
        self._deps = deps
        self._group = tasks.Tasks()
        self._ready = asyncio.Event()
        self.catalog = known = catalog.Catalog(deps.kube, settings)
        self.recorder = events.Recorder(deps.kube, "buildermgr", clock=deps.clock)
        options = builder_options(settings, deps)
        self.environments = environment_reconciler.EnvironmentReconciler(
            deps.kube, known, settings, options, deps.masters, self.recorder, deps.clock
        )
        outcomes = outcome.Outcomes(
            deps.kube,
            known,
            self.recorder,
            deps.clock,
            cache_entries=settings.cache_entries,
            owner_references=not settings.disable_owner_references,
        )
        self.packages = package_reconciler.PackageReconciler(
            deps.kube, known, settings, options, outcomes, deps.clock
        )
        counted = metrics.Metrics(deps.registry)
        resolved = peers.Peers(deps.kube, endpoint_slices=known.endpoint_slices.lister)
        self._builder = build.Builder(
            deps.kube,
            calls.Calls(deps.http, deps.masters, resolved, settings.namespace, deps.clock),
            outcomes,
            known,
            settings,
            counted,
            self._group,
            deps.clock,
            self.packages.observe,
        )
        self.builds = builds.Builds(
            slots.Slots(settings.package_concurrency, settings.environment_concurrency),
            self._builder.run,
            self._group,
            counted,
            deps.clock,
            self.packages.queue.add,
        )
        self.service = service.Service("buildermgr", checks={"informers": self._ready.is_set})

    @property
    def is_ready(self) -> bool:
        """The cluster is known and reconciled."""
        return self._ready.is_set()

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Serve until cancelled."""
        async with self._group as group:
            group.run(self.service.run(sockets), "service")
            group.run(self._lead() if self._settings.leader_election else self._work(), "work")
            await group.wait()

    async def _lead(self) -> None:
        # Whoever waits for its turn is ready to take over.
        self._ready.set()
        elector = leases.LeaderElector(
            self._deps.kube,
            self._settings.namespace,
            LEASE_NAME,
            self._deps.instance_id,
            clock=self._deps.clock,
        )
        await elector.run(self._work)
        raise base_errors.Error("the leader's lease was lost")

    async def _work(self) -> None:
        async with tasks.Tasks() as group:
            for one in self.catalog.all:
                group.run(one.run(), f"informer {one.resource.plural}")
            await self.catalog.wait_synced()
            self.packages.start(self.builds, self._builder)
            for work, name in (
                (self.environments.run(), "environments"),
                (self.packages.run(), "packages"),
                (self.recorder.run(), "events"),
            ):
                group.run(work, name)
            self._ready.set()
            logger.info("ready", extra={"instance": self._deps.instance_id})
            await group.wait()


def make(settings: config.Config, deps: Deps) -> App:
    """Put a buildermgr together; call it inside a running event loop."""
    return App(settings, deps)


async def serve(env: Mapping[str, str]) -> None:
    """Run a buildermgr process."""
    settings = config.from_env(env)
    patch = await asyncio.to_thread(read_podspec_patch, settings.podspec_patch_file)
    async with (
        kube_client.Client(kube_config.load(env), user_agent="buildermgr") as kube,
        web_client.HttpClient() as http,
    ):
        deps = Deps(
            kube=kube,
            http=http,
            masters=signing.masters_from_env(env),
            clock=clocks.SystemClock(),
            instance_id=ids.short_id(INSTANCE_ID_LENGTH),
            podspec_patch=patch,
        )
        sockets = listen.sockets(env, SOCKET_NAME, PORT)
        await make(settings, deps).run(sockets)


def builder_options(settings: config.Config, deps: Deps) -> resources.Options:
    """What settings say about the pods that are made."""
    limits = {"cpu": settings.fetcher_max_cpu, "memory": settings.fetcher_max_mem}
    requests = {"cpu": settings.fetcher_min_cpu, "memory": settings.fetcher_min_mem}
    wanted = {
        name: {key: value for key, value in amounts.items() if value}
        for name, amounts in (("limits", limits), ("requests", requests))
    }
    return resources.Options(
        fetcher=fetcherpod.Options(
            image=settings.fetcher_image,
            pull_policy=settings.fetcher_image_pull_policy,
            resources={name: amounts for name, amounts in wanted.items() if amounts},
            signed=deps.masters.enabled,
        ),
        builder_pull_policy=settings.builder_image_pull_policy,
        build_timeout_seconds=settings.build_timeout_seconds,
        podspec_patch=deps.podspec_patch,
        cache_storage=settings.cache_storage,
        cache_storage_class=settings.cache_storage_class,
        cache_access_mode=settings.cache_access_mode,
        owner_references=not settings.disable_owner_references,
    )


def read_podspec_patch(path: str) -> dict[str, Any]:
    """The PodSpec that an administrator merges into every builder pod; empty without a file."""
    with contextlib.suppress(FileNotFoundError):
        text = pathlib.Path(path).read_text()
        import yaml  # few installations have this file

        found = yaml.safe_load(text)
        if not isinstance(found, dict):
            raise base_errors.SettingsError(f"{path} must hold a PodSpec")
        return found
    return {}
