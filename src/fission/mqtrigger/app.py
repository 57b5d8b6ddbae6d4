"""Wiring of mqtrigger."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import prometheus_client

from fission.api import messagequeuetrigger_types, objects, resources
from fission.base import clock as clocks
from fission.base import tasks
from fission.contracts import invocation, signing
from fission.delivery import publisher, records, routers, statestore
from fission.kube import acting, events, informer, peers
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.meta import gvk
from fission.mqtrigger import (
    config,
    connectors,
    egress,
    handling,
    keda,
    metrics,
    readers,
    reconciler,
    secrets,
    session,
    statuses,
)
from fission.mqtrigger.drivers import registry
from fission.mqtrigger.drivers import statestore as statestore_driver
from fission.web import client as web_client
from fission_http import client as http_client

logger = logging.getLogger(__name__)

Obj = dict[str, Any]
Trigger = messagequeuetrigger_types.MessageQueueTrigger

CONNECTIONS = 512
"""Kept connections to one router: as many calls may run at once, of all triggers."""


@dataclass(frozen=True)
class Deps:
    """What mqtrigger does not make itself."""

    kube: kube_client.Client
    caller: handling.Caller
    store: statestore.Statestore
    drivers: registry.Registry
    clock: clocks.Clock
    instance_id: str
    images: Mapping[str, str] = field(default_factory=dict)
    registry: prometheus_client.CollectorRegistry = prometheus_client.REGISTRY


class App(acting.Acting):
    """An mqtrigger process."""

    def __init__(self, settings: config.Config, deps: Deps) -> None:
        self._settings = settings
        self._deps = deps
        super().__init__(
            "mqtrigger",
            deps.kube,
            settings.namespace,
            deps.instance_id,
            deps.clock,
            is_elected=settings.leader_election,
        )
        self.metrics = metrics.Metrics(deps.registry)

    async def _work(self) -> None:
        """Read triggers. Ends gracefully: first the reading, then the records of it."""
        settings, deps = self._settings, self._deps
        kube = self._leadership.client
        recorder = events.Recorder(kube, "mqtrigger", clock=deps.clock)
        kept = records.Records(kube, resources.MESSAGEQUEUETRIGGERS, deps.clock)
        conditions = statuses.Statuses(kube, recorder, deps.clock)
        triggers = informer.Informer(
            kube,
            resources.MESSAGEQUEUETRIGGERS,
            settings.watched_namespace,
            decode=_decode,
        )
        crds = informer.Informer(
            kube, gvk.CRDS, field_selector=f"metadata.name={keda.CRD_NAME}", packed=True
        )
        async with tasks.Tasks() as beside, tasks.Tasks() as reading:
            sessions = readers.Readers(
                session.Deps(
                    drivers=deps.drivers,
                    caller=deps.caller,
                    records=kept,
                    metrics=self.metrics,
                    statuses=conditions,
                    clock=deps.clock,
                    urls=settings.urls,
                    options=settings.options,
                ),
                reading,
            )
            work = reconciler.Reconciler(
                triggers.lister,
                lambda: any(_is_established(one) for one in crds.lister.list()),
                secrets.Secrets(kube, beside, lambda key: work.queue.add(key)),
                sessions,
                connectors.Connectors(kube, self._keda_options()),
                conditions,
            )
            for run, name in (
                (triggers.run(), "informer of triggers"),
                (crds.run(), "informer of KEDA's kinds"),
                (recorder.run(), "events"),
                (kept.run(), "records"),
            ):
                beside.run(run, name)
            for one in (triggers, crds):
                await one.wait_synced(None)
            triggers.add_handler(_adder(work.queue.add))
            crds.add_handler(lambda old, new: work.again())
            reading.run(work.run(), "reconciler")
            self._publish(reading)
            self._ready.set()
            logger.info("ready", extra={"instance": deps.instance_id})
            waits = [asyncio.ensure_future(one.wait()) for one in (beside, reading)]
            try:
                done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for ended in done:
                    ended.result()
            finally:
                for waiting in waits:
                    waiting.cancel()

    def _publish(self, group: tasks.Tasks) -> None:
        """Send what is published to the platform's brokers."""
        deps = self._deps
        brokers = self._settings.brokers
        shared = egress.Deps(deps.store, deps.drivers, self.metrics, deps.clock, brokers)
        for mq_type in brokers:
            group.run(egress.Sender(mq_type, shared).run(), f"messages for {mq_type}")
        group.spawn(egress.forget_others(deps.store, brokers), "states of brokers")

    def _keda_options(self) -> keda.Options:
        settings = self._settings
        port = invocation.INTERNAL_PORT
        fallback = f"http://{invocation.INTERNAL_SERVICE}.{settings.namespace}:{port}"
        return keda.Options(
            router_url=settings.router_url or fallback,
            images=self._deps.images,
            pull_policy=settings.connector_pull_policy,
        )


def make(settings: config.Config, deps: Deps) -> App:
    """Put an mqtrigger together; call it inside a running event loop."""
    return App(settings, deps)


async def serve(env: Mapping[str, str]) -> None:
    """Run an mqtrigger process."""
    settings = config.from_env(env)
    masters, clock = signing.masters_from_env(env), clocks.SystemClock()
    limits = http_client.Limits(max_idle_per_host=CONNECTIONS)
    async with (
        kube_client.Client(kube_config.load(env), user_agent="mqtrigger") as kube,
        http_client.Client(limits) as http,
        web_client.HttpClient(http=http) as calls,
    ):
        resolved = peers.Peers(kube)
        where = routers.make(settings.router_url, resolved, settings.namespace)
        store = statestore.Statestore(
            http, masters, statestore.finder(env, resolved, settings.namespace), clock
        )
        streams = statestore_driver.Connector(store, clock)
        deps = Deps(
            kube=kube,
            caller=publisher.Publisher(calls, where, masters, clock),
            store=store,
            drivers=registry.Registry({registry.STATESTORE: streams.connect}),
            clock=clock,
            instance_id=acting.new_instance_id(),
            images={name: value for name, value in env.items() if name.endswith("_IMAGE")},
        )
        await make(settings, deps).run(acting.sockets(env))


def _decode(wire: Obj) -> Trigger:
    return objects.decode(Trigger, wire)


def _is_established(crd: Obj) -> bool:
    conditions = (crd.get("status") or {}).get("conditions") or ()
    return any(
        one.get("type") == "Established" and one.get("status") == "True" for one in conditions
    )


def _adder(
    add: Callable[[tuple[str, str]], None],
) -> Callable[[Trigger | None, Trigger | None], None]:
    """Queues a trigger whose spec is new; what is written into its status is no news."""

    def changed(old: Trigger | None, new: Trigger | None) -> None:
        one = new or old
        assert one is not None
        if (
            old is not None
            and new is not None
            and old.metadata.uid == new.metadata.uid
            and old.metadata.generation == new.metadata.generation
            and old.metadata.deletion_timestamp == new.metadata.deletion_timestamp
        ):
            return
        add((one.metadata.namespace, one.metadata.name))

    return changed
