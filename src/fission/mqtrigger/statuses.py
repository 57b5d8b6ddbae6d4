"""The conditions of a trigger, written when they change. Mqtrigger is their one writer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from fission.api import messagequeuetrigger_lifecycle as lifecycle
from fission.api import messagequeuetrigger_types, objects, resources
from fission.base import backoff, errors
from fission.base import clock as clocks
from fission.kube import client as kube_client
from fission.kube import events
from fission.meta import status
from fission.mqtrigger import binding as bindings

logger = logging.getLogger(__name__)

Trigger = messagequeuetrigger_types.MessageQueueTrigger
ATTEMPTS: Final = 8
BETWEEN_WRITES_SECONDS: Final = 1.0
"""A connection that comes and goes does not become a stream of writes."""


@dataclass(frozen=True, slots=True)
class Condition:
    """How a trigger is. Without a reason it works."""

    reason: str = ""
    message: str = ""
    is_subscribed: bool = False
    """The topic is read, and yet nothing is delivered."""


WORKS: Final = Condition()


class Statuses:
    """Writes conditions, and an Event with each change for the worse."""

    def __init__(
        self, client: kube_client.Client, recorder: events.Recorder, clock: clocks.Clock
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._clock = clock

    async def write(self, binding: bindings.Binding, condition: Condition) -> None:
        """Make it so; a trigger that is gone, or another by now, is left alone."""
        for _ in range(ATTEMPTS):
            try:
                wire = await self._client.get(
                    resources.MESSAGEQUEUETRIGGERS, binding.name, binding.namespace
                )
                trigger = objects.decode(Trigger, wire)
                if trigger.metadata.uid != binding.uid or not self._mark(trigger, condition):
                    return
                patch = {
                    "metadata": {"resourceVersion": trigger.metadata.resource_version},
                    "status": {
                        "observedGeneration": trigger.status.observed_generation,
                        "conditions": trigger.status.conditions,
                    },
                }
                await self._client.patch(
                    resources.MESSAGEQUEUETRIGGERS,
                    binding.name,
                    patch,
                    binding.namespace,
                    subresource="status",
                )
            except status.NotFound:
                return
            except status.Conflict:
                continue
            if condition.reason:
                self._recorder.event(wire, events.WARNING, condition.reason, condition.message)
            return
        raise errors.DeadlineExceeded(f"others wrote {binding.namespace}/{binding.name} all along")

    def event(self, binding: bindings.Binding, reason: str, message: str) -> None:
        """Tell of a trouble that is no state."""
        subject: dict[str, Any] = {
            "apiVersion": "fission.io/v1",
            "kind": "MessageQueueTrigger",
            "metadata": {
                "namespace": binding.namespace,
                "name": binding.name,
                "uid": binding.uid,
            },
        }
        self._recorder.event(subject, events.WARNING, reason, message)

    def _mark(self, trigger: Trigger, condition: Condition) -> bool:
        now = self._clock.now()
        if not condition.reason:
            return lifecycle.mark_bound(trigger, now)
        if condition.is_subscribed:
            return lifecycle.mark_waiting(trigger, condition.reason, condition.message, now)
        return lifecycle.mark_failed(trigger, condition.reason, condition.message, now)


class Writer:
    """Keeps the conditions of one trigger as they should be."""

    def __init__(self, statuses: Statuses, binding: bindings.Binding) -> None:
        self._statuses = statuses
        self._binding = binding
        self._wanted: Condition | None = None
        self._changed = asyncio.Event()

    def set(self, condition: Condition) -> None:
        """From now on it is so."""
        if condition != self._wanted:
            self._wanted = condition
            self._changed.set()

    def event(self, reason: str, message: str) -> None:
        """Tell of a trouble that is no state."""
        self._statuses.event(self._binding, reason, message)

    async def run(self) -> None:
        """Write until cancelled."""
        delays = backoff.delays(0.2, cap_seconds=10.0)
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._wanted is None:
                continue
            try:
                await self._statuses.write(self._binding, self._wanted)
                delays = backoff.delays(0.2, cap_seconds=10.0)
                await asyncio.sleep(BETWEEN_WRITES_SECONDS)
            except errors.Error as error:
                logger.debug("condition was not written: %s", error)
                self._changed.set()
                await asyncio.sleep(next(delays))


Changed = Callable[[Condition], None]
