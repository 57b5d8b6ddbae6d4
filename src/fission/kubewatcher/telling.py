"""Handing one event over: the call, how persistent it is, and what is recorded of it.

Waiting for a router, and for a pod that the platform cannot start yet, is not the event's fault.
A router that is away is waited for without end. What the platform or the function answers with an
error is sent again, with growing pauses, up to the attempts of the settings; a 4xx of the function
is its last word, except 408, 425 and 429, which ask to come again.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import Any, Final

from fission.api import kuberneteswatchtrigger_types, objects
from fission.base import clock as clocks
from fission.contracts import invocation
from fission.delivery import calls, publisher, records, verdicts
from fission.kube import client as kube_client
from fission.kube import events
from fission.kubewatcher import config, metrics, plan
from fission.meta import gvk

logger = logging.getLogger(__name__)

ANSWERED: Final = frozenset(range(200, 500)) - {408, 425, 429}
"""Statuses of a function after which the same event is not sent again."""
PATIENCE_SECONDS: Final = 30.0
"""How often it is said that no router is there."""
DELIVERY_FAILED: Final = "DeliveryFailed"
MAX_ANSWER_BYTES: Final = 64 * 1024
"""Of an answer only its beginning is looked at, and only of an error."""

Obj = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Deps:
    """What followers share."""

    kube: kube_client.Client
    publisher: publisher.Publisher
    records: records.Records
    recorder: events.Recorder
    metrics: metrics.Metrics
    clock: clocks.Clock
    settings: config.Config


class Teller:
    """Tells one trigger's function."""

    def __init__(
        self,
        deps: Deps,
        trigger: kuberneteswatchtrigger_types.KubernetesWatchTrigger,
        resource: gvk.Resource,
    ) -> None:
        self._deps = deps
        self._trigger = trigger
        self._resource = resource
        self._policy = publisher.Policy(
            attempts=deps.settings.attempts,
            patience_seconds=PATIENCE_SECONDS,
            repeat_function_errors=True,
            accepted=ANSWERED,
        )

    async def tell(self, event: plan.Event) -> None:
        """Return when the function has it, or when it is given up and counted failed."""
        call = make_call(self._trigger, self._resource, event, self._deps.settings.timeout_seconds)
        metadata = self._trigger.metadata
        what = f"{event.type} of {self._resource.kind} {event.name}"

        def tell(message: str) -> None:
            text = f"{what} will be sent again: {message}"
            self._deps.records.attempt_failed(metadata.namespace, metadata.name, text)

        while True:
            outcome = await self._deps.publisher.deliver(call, self._policy, tell)
            if outcome.delivered or not self._is_router_away(outcome):
                break
            logger.warning("an event waits: %s", outcome.message, extra=self._fields(event))
        failure = _failure_of(outcome)
        result = "failed" if failure else "delivered"
        self._deps.metrics.events.labels(metadata.namespace, metadata.name, result).inc()
        if not failure:
            self._deps.records.delivered(metadata.namespace, metadata.name)
            return
        self._deps.records.failed(metadata.namespace, metadata.name, f"{what}: {failure}")
        self._deps.recorder.event(
            objects.reference_to(self._trigger), events.WARNING, DELIVERY_FAILED, failure
        )
        logger.warning("event was given up: %s", failure, extra=self._fields(event))

    def _is_router_away(self, outcome: publisher.Outcome) -> bool:
        return outcome.status is None and outcome.attempts < self._policy.attempts

    def _fields(self, event: plan.Event) -> dict[str, Any]:
        metadata = self._trigger.metadata
        return {
            "trigger": f"{metadata.namespace}/{metadata.name}",
            "event": event.type,
            "object": event.name,
        }


def make_call(
    trigger: kuberneteswatchtrigger_types.KubernetesWatchTrigger,
    resource: gvk.Resource,
    event: plan.Event,
    timeout_seconds: float,
) -> calls.Call:
    """The call of an event. One that is sent twice has the same request id both times."""
    headers = [
        ("Content-Type", "application/json"),
        (invocation.KUBERNETES_EVENT_TYPE, event.type),
        (invocation.KUBERNETES_OBJECT_TYPE, resource.kind),
    ]
    if event.is_partial:
        headers.append((invocation.KUBERNETES_OBJECT_PARTIAL, "true"))
    version = event.resource_version or event.seen.version
    return calls.Call(
        namespace=trigger.metadata.namespace,
        function=trigger.spec.function_ref,
        headers=tuple(headers),
        body=event.body,
        request_id=f"{trigger.metadata.uid}.{event.seen.uid}.{version}.{event.type}",
        timeout_seconds=timeout_seconds,
        max_answer_bytes=MAX_ANSWER_BYTES,
    )


def _failure_of(outcome: publisher.Outcome) -> str:
    if not outcome.delivered:
        return outcome.message
    answer = outcome.answer
    return verdicts.describe(answer) if answer is not None and answer.status >= 400 else ""
