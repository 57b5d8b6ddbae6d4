"""Wiring of the timer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import prometheus_client

from fission.api import objects, resources, timetrigger_types
from fission.base import clock as clocks
from fission.base import tasks
from fission.contracts import signing
from fission.delivery import publisher, routers
from fission.kube import acting, events, informer, leadership, leases, peers
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.timer import alarm, config, entries, ledger, metrics, scheduler, ticks
from fission.web import client as web_client
from fission_http import client as http_client

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

HTTP_LIMITS = http_client.Limits(idle_seconds=2.0)
"""A kept connection may be closed by the router just as a tick goes out on it, and then nobody
knows whether the function has seen that tick: connections are kept for a burst, no longer."""


@dataclass(frozen=True)
class Deps:
    """What the timer does not make itself."""

    kube: kube_client.Client
    http: web_client.HttpClient
    masters: signing.Masters
    clock: clocks.Clock
    alarm: alarm.Alarm
    instance_id: str
    registry: prometheus_client.CollectorRegistry = prometheus_client.REGISTRY
    timing: leases.Timing | None = None


class App(acting.Acting):
    """A timer process."""

    def __init__(self, settings: config.Config, deps: Deps) -> None:
        self._settings = settings
        self._deps = deps
        super().__init__(
            "timer",
            deps.kube,
            settings.namespace,
            deps.instance_id,
            deps.clock,
            is_elected=settings.leader_election,
            timing=deps.timing,
        )
        self._counted = metrics.Metrics(deps.registry)

    async def _work(self) -> None:
        await _Work(self._settings, self._deps, self._leadership, self._counted).run(self._ready)


class _Work:
    """What the timer that acts does, from its election to its end."""

    def __init__(
        self,
        settings: config.Config,
        deps: Deps,
        led: leadership.Leadership,
        counted: metrics.Metrics,
    ) -> None:
        self._settings = settings
        self._deps = deps
        self._leadership = led
        kube = led.client
        namespace = settings.watched_namespace
        self._triggers = informer.Informer(
            kube, resources.TIMETRIGGERS, namespace, decode=_decode_trigger, packed=True
        )
        self._functions = informer.Informer(kube, resources.FUNCTIONS, namespace, decode=_name_of)
        self._recorder = events.Recorder(kube, "timer", clock=deps.clock)
        self._group = tasks.Tasks()
        self.scheduler = scheduler.Scheduler(
            settings,
            deps.alarm,
            counted,
            deps.clock,
            is_function_known=self._is_function_known,
        )
        self._book = ledger.Ledger(
            kube,
            deps.instance_id,
            deps.clock,
            on_changed=self.scheduler.changed,
            on_unsettled=self.scheduler.settle,
        )
        found = routers.make(settings.router_url, peers.Peers(kube), settings.namespace)
        sender = publisher.Publisher(deps.http, found, deps.masters, deps.clock)
        self._calls = tasks.Tasks()
        self._ticks = ticks.Ticks(
            settings,
            self._book,
            sender,
            deps.alarm,
            self._recorder,
            counted,
            self._calls,
            deps.clock,
            fence=led.fence,
            is_function_known=self._is_function_known,
        )
        self.scheduler.start(self._book, self._ticks)
        self._has_triggers = asyncio.Event()

    async def run(self, ready: asyncio.Event) -> None:
        """Work until cancelled; then let what runs come to its end."""
        self._triggers.add_handler(self._trigger_changed)
        self._functions.add_handler(self._function_changed)
        async with self._calls, self._group as group:
            group.run(self._triggers.run(), "informer timetriggers")
            group.run(self._watch_functions(), "functions")
            await self._triggers.wait_synced(None)
            group.run(self._recorder.run(), "events")
            statuses = group.run(self._book.run(), "statuses")
            waking = group.run(self.scheduler.run(), "scheduler")
            ready.set()
            logger.info("ready", extra={"instance": self._deps.instance_id})
            try:
                await group.wait()
            finally:
                waking.cancel()
                if self._leadership.is_ours:
                    await self._ticks.drain(self._settings.shutdown_seconds)
                    statuses.cancel()
                    await asyncio.gather(statuses, return_exceptions=True)
                    await self._recorder.flush()

    async def _watch_functions(self) -> None:
        """Functions matter once there is a trigger; until then nobody looks at them."""
        await self._has_triggers.wait()
        async with tasks.Tasks() as group:
            group.run(self._functions.run(), "informer functions")
            await self._functions.wait_synced(None)
            self.scheduler.functions_listed()
            await group.wait()

    def _trigger_changed(
        self,
        old: timetrigger_types.TimeTrigger | None,
        new: timetrigger_types.TimeTrigger | None,
    ) -> None:
        if new is not None and not new.metadata.deletion_timestamp:
            self._has_triggers.set()
            self.scheduler.observe(new)
            return
        gone = new or old
        if gone is not None:
            self.scheduler.forget(gone.metadata.namespace, gone.metadata.name)

    def _function_changed(self, old: entries.Key | None, new: entries.Key | None) -> None:
        changed = new if old is None else (old if new is None else None)
        if changed is not None:
            self.scheduler.function_changed(*changed)

    def _is_function_known(self, entry: entries.Entry) -> bool | None:
        """None while functions are not listed; where several share the calls the router knows."""
        if not entry.function_name:
            return True
        if not self._functions.has_synced:
            return None
        return self._functions.lister.get(entry.key[0], entry.function_name) is not None


def make(settings: config.Config, deps: Deps) -> App:
    """Put a timer together; call it inside a running event loop."""
    return App(settings, deps)


async def serve(env: Mapping[str, str]) -> None:
    """Run a timer process."""
    settings = config.from_env(env)
    clock = clocks.SystemClock()
    waiter = alarm.SystemAlarm(clock)
    try:
        async with (
            kube_client.Client(kube_config.load(env), user_agent="timer") as kube,
            http_client.Client(HTTP_LIMITS) as http,
        ):
            deps = Deps(
                kube=kube,
                http=web_client.HttpClient(http=http),
                masters=signing.masters_from_env(env),
                clock=clock,
                alarm=waiter,
                instance_id=acting.new_instance_id(),
            )
            await make(settings, deps).run(acting.sockets(env))
    finally:
        waiter.close()


def _decode_trigger(wire: Obj) -> timetrigger_types.TimeTrigger:
    return objects.decode(timetrigger_types.TimeTrigger, wire)


def _name_of(wire: Obj) -> entries.Key:
    metadata = wire["metadata"]
    return metadata.get("namespace") or "", metadata["name"]
