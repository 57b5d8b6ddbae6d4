"""Mqtrigger on the embedded API server, with a real statestore and a router told what to say."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import pathlib
from collections.abc import AsyncIterator
from typing import Any

import prometheus_client

from fission.api import resources
from fission.base import clock as clocks
from fission.base import ids
from fission.contracts import signing
from fission.contracts import statestore as wire
from fission.delivery import finders, publisher, statestore
from fission.kube import client as kube_client
from fission.meta import gvk
from fission.mqtrigger import app, config
from fission.mqtrigger.drivers import registry, statestore_cursor
from fission.mqtrigger.drivers import statestore as statestore_driver
from fission.web import client as web_client
from fission.web import listen
from tests.support import fakerouter, kinds, statestores
from tests.support import waiting as waits

Obj = dict[str, Any]
MASTERS = signing.Masters(b"0123456789abcdef0123456789abcdef")
NAME = "orders"


@dataclasses.dataclass
class World:
    kube: kube_client.Client
    router: fakerouter.FakeRouter
    served: statestores.Served
    store: statestore.Statestore
    settings: config.Config
    images: dict[str, str]
    socket: str
    """Of the API server."""
    _app: asyncio.Task[None] | None = None

    async def start_another(self) -> World:
        """A second mqtrigger beside this one."""
        other = dataclasses.replace(self, _app=None)
        await other.start()
        return other

    async def start(self) -> None:
        """Start mqtrigger."""
        http = web_client.HttpClient()
        streams = statestore_driver.Connector(self.store, clocks.SystemClock())
        made = app.make(
            self.settings,
            app.Deps(
                kube=self.kube,
                caller=publisher.Publisher(
                    http, finders.Fixed(self.router.url), MASTERS, clocks.SystemClock()
                ),
                store=self.store,
                drivers=registry.Registry({registry.STATESTORE: streams.connect}),
                clock=clocks.SystemClock(),
                instance_id=ids.short_id(8),
                images=self.images,
                registry=prometheus_client.CollectorRegistry(),
            ),
        )

        async def run() -> None:
            try:
                await made.run([listen.bind("127.0.0.1", 0)])
            finally:
                await http.aclose()

        self._app = asyncio.ensure_future(run())

    async def stop(self, *, again: bool = False) -> None:
        """As SIGTERM does; ``again``: once more while it is being stopped."""
        if self._app is not None:
            self._app.cancel()
            if again:
                for _ in range(50):
                    await asyncio.sleep(0)
                self._app.cancel()
            await asyncio.gather(self._app, return_exceptions=True)
            self._app = None

    async def create(self, name: str = NAME, ready: bool = True, **spec: Any) -> Obj:
        made = await self.kube.create(
            resources.MESSAGEQUEUETRIGGERS, message_queue_trigger(name, **spec)
        )
        if ready:
            await self.until_ready(name)
        return made

    async def update(self, name: str = NAME, **spec: Any) -> None:
        patch = {"spec": spec}
        await self.kube.patch(resources.MESSAGEQUEUETRIGGERS, name, patch, "default")

    async def status(self, name: str = NAME) -> Obj:
        found = await self.kube.get(resources.MESSAGEQUEUETRIGGERS, name, "default")
        status: Obj = found.get("status") or {}
        return status

    async def condition(self, name: str = NAME, type_: str = "Ready") -> Obj:
        for one in (await self.status(name)).get("conditions") or ():
            if one["type"] == type_:
                found: Obj = one
                return found
        return {}

    async def until_ready(self, name: str = NAME) -> None:
        async def ready() -> bool:
            found = await self.kube.get(resources.MESSAGEQUEUETRIGGERS, name, "default")
            condition = await self.condition(name)
            return (
                condition.get("status") == "True"
                and condition["observedGeneration"] == found["metadata"]["generation"]
            )

        await waits.until_so(ready, 10)

    async def until_reason(self, reason: str, name: str = NAME) -> Obj:
        async def told() -> bool:
            return (await self.condition(name)).get("reason") == reason

        await waits.until_so(told, 10)
        return await self.condition(name)

    async def until_event(self, reason: str) -> None:
        async def told() -> bool:
            events = await self.kube.list(gvk.EVENTS, "default")
            return reason in [event["reason"] for event in events.items]

        await waits.until_so(told)

    async def publish(self, topic: str, *bodies: bytes, key: str = "", **headers: str) -> None:
        events = [
            wire.Event(type="text/plain", payload=body, key=key, headers=headers) for body in bodies
        ]
        await self.store.append(wire.topic_stream("default", topic), events, wire.ANY)

    async def read(self, topic: str, count: int, seconds: float = 10.0) -> list[wire.Event]:
        """The first events of a topic, as soon as there are so many."""
        stream = wire.topic_stream("default", topic)
        found: list[wire.Event] = []

        async def enough() -> bool:
            found[:] = (await self.store.read(stream, 0)).events
            return len(found) >= count

        await waits.until_so(enough, seconds)
        return found

    async def until_settled(self, topic: str, name: str = NAME) -> None:
        """The trigger has nothing left to do."""
        trigger = await self.kube.get(resources.MESSAGEQUEUETRIGGERS, name, "default")
        driver = statestore_driver.Driver(self.store, "default", clocks.SystemClock())
        scope = wire.cursor_scope("default", trigger["metadata"]["uid"])
        stream = wire.topic_stream("default", topic)

        async def settled() -> bool:
            cursor = statestore_cursor.decode((await self.store.get(scope, topic)).value)
            return cursor.seq == (await self.store.head(stream)).head

        await waits.until_so(settled, 10)
        await driver.close()

    @property
    def bodies(self) -> list[bytes]:
        """What the function was called with."""
        return [call.body for call in self.router.calls]


def message_queue_trigger(name: str, **spec: Any) -> Obj:
    return kinds.obj(
        "MessageQueueTrigger",
        name,
        {
            "functionref": {"type": "name", "name": "hello"},
            "messageQueueType": "statestore",
            "mqtkind": "fission",
            "topic": "in",
            **spec,
        },
    )


@contextlib.asynccontextmanager
async def running(
    folder: pathlib.Path,
    settings: config.Config | None = None,
    *,
    is_started: bool = True,
    **images: str,
) -> AsyncIterator[World]:
    """Everything runs, mqtrigger too unless it is started by the test."""
    async with (
        kinds.cluster() as (api, kube),
        fakerouter.running(MASTERS) as router,
        statestores.running(folder) as served,
    ):
        made = World(
            kube,
            router,
            served,
            served.client(),
            settings or config.Config(unready_after_seconds=0.2),
            images,
            api.socket,
        )
        if is_started:
            await made.start()
        try:
            yield made
        finally:
            await made.stop()
