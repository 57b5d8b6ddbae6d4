"""A cluster for the timer: the embedded API server, a router that takes notes, and timers."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import prometheus_client

from fission.api import resources
from fission.base import clock as clocks
from fission.contracts import signing
from fission.kube import client as kube_client
from fission.kube import leases
from fission.meta import gvk
from fission.timer import alarm, app, config
from fission.web import client as web_client
from fission.web import listen
from fission_http import client as http_client
from tests.support import apiserver, fakerouter, kinds
from tests.support import waiting as waits

Obj = dict[str, Any]
MASTERS = signing.Masters(b"0123456789abcdef0123456789abcdef")
_instances = itertools.count(1)


class TurnedClock(clocks.ManualClock):
    """A clock that tests set, in both directions, and the alarms that look at it."""

    def __init__(self, start: datetime.datetime) -> None:
        super().__init__(start)
        self.alarms: list[TurnedAlarm] = []
        self._set_by = datetime.timedelta()

    def now(self) -> datetime.datetime:
        return super().now() + self._set_by

    def pass_seconds(self, seconds: float) -> None:
        """Time goes by."""
        self.set(self.now() + datetime.timedelta(seconds=seconds))

    def set(self, moment: datetime.datetime) -> None:
        """What an administrator or a time server does."""
        self._set_by += moment - self.now()
        for one in self.alarms:
            one.wake()


class TurnedAlarm:
    """An alarm on a clock that is turned by hand."""

    def __init__(self, clock: TurnedClock) -> None:
        self._clock = clock
        self._changed = asyncio.Condition()
        self._rung = asyncio.Event()
        clock.alarms.append(self)

    def wake(self) -> None:
        self._rung.set()

    async def wait(self, until: datetime.datetime | None) -> None:
        del until
        await self._rung.wait()
        self._rung.clear()

    async def reach(self, instant: datetime.datetime) -> None:
        await waits.until(lambda: self._clock.now() >= instant, seconds=30.0)


@dataclasses.dataclass
class World:
    """The cluster; ``timer`` starts one."""

    api: apiserver.Running
    kube: kube_client.Client
    router: fakerouter.FakeRouter
    settings: config.Config

    async def create(self, name: str, cron: str, **spec: Any) -> Obj:
        """A trigger, and nothing that calls it yet."""
        return await self.kube.create(
            resources.TIMETRIGGERS, kinds.time_trigger(name, cron, **spec)
        )

    async def trigger(self, name: str) -> Obj:
        return await self.kube.get(resources.TIMETRIGGERS, name, "default")

    async def counting_since(self, name: str, moment: datetime.datetime) -> None:
        """Have a trigger that no timer has seen yet count from a moment, not from its creation."""
        found = await self.trigger(name)
        since = {
            "cron": found["spec"]["cron"],
            "since": clocks.format_rfc3339(moment),
            "observedGeneration": 1,
        }
        await self.kube.patch(
            resources.TIMETRIGGERS, name, {"status": since}, "default", subresource="status"
        )

    async def status(self, name: str) -> Obj:
        found: Obj = (await self.trigger(name)).get("status") or {}
        return found

    async def eventually(self, name: str, **fields: Any) -> Obj:
        """The status, once these fields have these values."""

        async def holds() -> bool:
            found = await self.status(name)
            return all(found.get(field) == value for field, value in fields.items())

        await waits.until_so(holds, 10.0)
        return await self.status(name)

    async def condition(self, name: str, type_: str = "Ready") -> Obj:
        found = (await self.status(name)).get("conditions") or []
        return next((one for one in found if one["type"] == type_), {})

    async def events(self, name: str) -> list[Obj]:
        listed = await self.kube.list(gvk.EVENTS, "default")
        return [one for one in listed.items if one["involvedObject"]["name"] == name]

    def instants(self, name: str) -> list[str]:
        """The ticks of a trigger that came, in order."""
        return [
            call.headers["x-fission-timer-scheduled-at"]
            for call in self.router.calls
            if call.headers["x-fission-timer-name"] == name
        ]

    @contextlib.asynccontextmanager
    async def timer(
        self,
        clock: clocks.Clock | None = None,
        *,
        kube: kube_client.Client | None = None,
        **settings: Any,
    ) -> AsyncIterator[app.App]:
        """A timer in this process; leaving ends it in order."""
        chosen = dataclasses.replace(self.settings, **settings)
        used = clock or clocks.SystemClock()
        self.router.now = lambda: used.now().timestamp()
        waiter: Any
        waiter = TurnedAlarm(used) if isinstance(used, TurnedClock) else alarm.SystemAlarm(used)
        async with http_client.Client(app.HTTP_LIMITS) as http:
            deps = app.Deps(
                kube=kube or self.kube,
                http=web_client.HttpClient(http=http),
                masters=MASTERS,
                clock=used,
                alarm=waiter,
                instance_id=f"timer-{next(_instances)}",
                registry=prometheus_client.CollectorRegistry(),
                timing=leases.Timing(1.5, 1.0, 0.1),
            )
            made = app.make(chosen, deps)
            running = asyncio.ensure_future(made.run([listen.bind("127.0.0.1", 0)]))
            try:
                await waits.until(lambda: made.is_ready or running.done())
                yield made
            finally:
                running.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await running
                if isinstance(waiter, alarm.SystemAlarm):
                    waiter.close()


@dataclasses.dataclass
class Shared:
    """One API server and one router for all tests."""

    api: apiserver.Running
    kube: kube_client.Client
    router: fakerouter.FakeRouter

    @contextlib.asynccontextmanager
    async def fresh(self, **settings: Any) -> AsyncIterator[World]:
        """The cluster without triggers; function ``hello`` is there."""
        self.router.answer = fakerouter.ok
        self.router.now = time.time
        self.router.calls = []
        chosen = config.Config(tenancy_mode="cluster", router_url=self.router.url, **settings)
        try:
            yield World(self.api, self.kube, self.router, chosen)
        finally:
            for one in (await self.kube.list(resources.TIMETRIGGERS, "default")).items:
                await self.kube.delete(resources.TIMETRIGGERS, one["metadata"]["name"], "default")
            await self.kube.delete_collection(gvk.EVENTS, "default")


@contextlib.asynccontextmanager
async def cluster() -> AsyncIterator[Shared]:
    """Everything but timers."""
    async with kinds.cluster() as (api, kube), fakerouter.running(MASTERS) as router:
        await kube.create(
            gvk.NAMESPACES,
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fission"}},
        )
        await kube.create(resources.FUNCTIONS, kinds.function("hello"))
        yield Shared(api, kube, router)
