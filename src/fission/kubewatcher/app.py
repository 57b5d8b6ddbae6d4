"""Wiring of kubewatcher.

Of several kubewatchers one acts, as a Lease says; every write of the others is fenced off, so one
that was stopped for long cannot put back a journal.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import prometheus_client

from fission.api import resources
from fission.base import clock as clocks
from fission.base import tasks
from fission.contracts import signing
from fission.delivery import publisher, records, routers
from fission.kube import acting, events, peers
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.kubewatcher import config, followers, metrics, plan, telling
from fission.web import client as web_client

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Deps:
    """What kubewatcher does not make itself."""

    kube: kube_client.Client
    http: web_client.HttpClient
    masters: signing.Masters
    clock: clocks.Clock
    instance_id: str
    registry: prometheus_client.CollectorRegistry = prometheus_client.REGISTRY


class App(acting.Acting):
    """A kubewatcher process."""

    def __init__(self, settings: config.Config, deps: Deps) -> None:
        self._deps = deps
        super().__init__(
            plan.COMPONENT,
            deps.kube,
            settings.namespace,
            deps.instance_id,
            deps.clock,
            is_elected=settings.leader_election,
        )
        kube = self._leadership.client
        self._records = records.Records(kube, resources.KUBERNETESWATCHTRIGGERS, deps.clock)
        self._recorder = events.Recorder(kube, plan.COMPONENT, clock=deps.clock)
        found = routers.make(settings.router_url, peers.Peers(kube), settings.namespace)
        shared = telling.Deps(
            kube=kube,
            publisher=publisher.Publisher(deps.http, found, deps.masters, deps.clock),
            records=self._records,
            recorder=self._recorder,
            metrics=metrics.Metrics(deps.registry),
            clock=deps.clock,
            settings=settings,
        )
        self._followers = followers.Followers(shared, settings.watched_namespace)

    async def _work(self) -> None:
        async with tasks.Tasks() as written, tasks.Tasks() as group:
            # Followers end first: what they still hand over is recorded.
            written.run(self._records.run(), "records")
            written.run(self._recorder.run(), "events")
            group.run(written.wait(), "what writes")
            group.run(self._followers.informer.run(), "informer")
            await self._followers.informer.wait_synced(None)
            group.run(self._followers.run(), "followers")
            self._ready.set()
            logger.info("ready", extra={"instance": self._deps.instance_id})
            await group.wait()


def make(settings: config.Config, deps: Deps) -> App:
    """Put a kubewatcher together; call it inside a running event loop."""
    return App(settings, deps)


async def serve(env: Mapping[str, str]) -> None:
    """Run a kubewatcher process."""
    settings = config.from_env(env)
    async with (
        kube_client.Client(kube_config.load(env), user_agent=plan.COMPONENT) as kube,
        web_client.HttpClient() as http,
    ):
        deps = Deps(
            kube=kube,
            http=http,
            masters=signing.masters_from_env(env),
            clock=clocks.SystemClock(),
            instance_id=acting.new_instance_id(),
        )
        await make(settings, deps).run(acting.sockets(env))
