"""Wiring of canary."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from fission.api import canaryconfig_types, objects, resources
from fission.base import clock as clocks
from fission.base import tasks
from fission.canary import config, reconciler, sources
from fission.contracts import signing
from fission.kube import acting, events, informer
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.web import client as web_client

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deps:
    """What canary does not make itself."""

    kube: kube_client.Client
    http: web_client.HttpClient
    clock: clocks.Clock
    instance_id: str


class App(acting.Acting):
    """A canary process."""

    def __init__(self, settings: config.Config, deps: Deps) -> None:
        super().__init__(
            "canary",
            deps.kube,
            settings.namespace,
            deps.instance_id,
            deps.clock,
            is_elected=settings.leader_election,
        )
        kube = self._leadership.client
        self.canaries = informer.Informer(
            kube,
            resources.CANARYCONFIGS,
            settings.watched_namespace,
            decode=lambda wire: objects.decode(canaryconfig_types.CanaryConfig, wire),
        )
        source: sources.Source
        if settings.prometheus_url:
            source = sources.Prometheus(deps.http, settings.prometheus_url)
        else:
            source = sources.Routers(kube, deps.http, settings.namespace)
        self.recorder = events.Recorder(kube, "canary", clock=deps.clock)
        self.reconciler = reconciler.Reconciler(
            kube, self.canaries, source, self.recorder, deps.clock
        )

    async def _work(self) -> None:
        async with tasks.Tasks() as group:
            group.run(self.canaries.run(), "informer canaryconfigs")
            await self.canaries.wait_synced(None)
            self.reconciler.start()
            group.run(self.reconciler.run(), "canaries")
            group.run(self.recorder.run(), "events")
            self._ready.set()
            logger.info("ready")
            await group.wait()


def make(settings: config.Config, deps: Deps) -> App:
    """Put a canary together; call it inside a running event loop."""
    return App(settings, deps)


async def serve(env: Mapping[str, str]) -> None:
    """Run a canary process."""
    settings = config.from_env(env)
    async with (
        kube_client.Client(kube_config.load(env), user_agent="canary") as kube,
        web_client.HttpClient(sign=_signer(settings, env)) as http,
    ):
        deps = Deps(kube, http, clocks.SystemClock(), acting.new_instance_id())
        await make(settings, deps).run(acting.sockets(env))


def _signer(settings: config.Config, env: Mapping[str, str]) -> web_client.Sign | None:
    """Signs what is asked of routers; a Prometheus server is not told."""
    key = signing.masters_from_env(env).keys(signing.ROUTER_INTERNAL).current
    if key is None or settings.prometheus_url:
        return None
    clock = clocks.SystemClock()

    def sign(method: str, uri: str, body: bytes) -> list[tuple[str, str]]:
        return signing.headers(key, method, uri, body, clock.now().timestamp())

    return sign
