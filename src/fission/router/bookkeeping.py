"""What the router writes, all of it beside the path of requests: the conditions of triggers, their
delivery records, and the Ingresses or HTTPRoutes that they want."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

from fission.api import resources
from fission.delivery import records
from fission.kube import events
from fission.router import deliveries, exposure, ingresses, trigger_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fission.base import clock as clocks
    from fission.base import tasks
    from fission.kube import client as kube_client
    from fission.router import catalog, config, failures, routes, routetable


class Bookkeeping:
    """Its writers, and what they hear of."""

    def __init__(
        self, kube: kube_client.Client, clock: clocks.Clock, settings: config.Config
    ) -> None:
        self._kube = kube
        self._clock = clock
        self._settings = settings
        self._records = records.Records(kube, resources.HTTPTRIGGERS, clock)
        self._deliveries = deliveries.Deliveries(self._records, asyncio.get_running_loop())

    def ended(self, route: routes.Route, status: int, failure: failures.Failure | None) -> None:
        """A request of a trigger ended."""
        self._deliveries.ended(route, status, failure)

    def watch(self, known: catalog.Catalog, ready: Callable[[], bool]) -> None:
        """Keep the books of these triggers; `ready` tells whether all of them are known."""
        exposed = dataclasses.replace(
            exposure.STANDARD,
            namespace=self._settings.pod_namespace,
            default_parent=exposure.parse_parent(self._settings.default_gateway),
        )
        known.expose(exposed)
        self._recorder = events.Recorder(self._kube, "router", clock=self._clock)
        self._status = trigger_status.TriggerStatus(self._kube, known, self._clock)
        self._ingresses = ingresses.Ingresses(self._kube, known, exposed, self._recorder, ready)
        known.on_decided = self._decided

    def start(self, work: tasks.Tasks) -> None:
        """Write until the tasks are cancelled."""
        work.run(self._status.run(), "trigger status")
        work.run(self._status.resync(self._settings.resync_seconds), "trigger status resync")
        work.run(self._records.run(), "delivery records")
        work.run(self._ingresses.run(), "ingresses")
        work.run(self._recorder.run(), "events")

    def close(self) -> None:
        """Hand over what was counted last; the records are written when their task ends."""
        self._deliveries.flush()

    def _decided(self, keys: Iterable[routetable.Key]) -> None:
        self._status.decided(keys)
        self._ingresses.decided(keys)
