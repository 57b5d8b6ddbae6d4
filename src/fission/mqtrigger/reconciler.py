"""Who reads a trigger's topic: this process, a connector that KEDA scales, or nobody, and why.

| mqtkind          | the API has KEDA's kinds            | it does not               |
|------------------|-------------------------------------|---------------------------|
| `fission`        | this process                        | this process              |
| `keda`, or empty | a connector, for types that KEDA    | this process, for types   |
|                  | knows                               | that it reads             |
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from fission.api import messagequeuetrigger_defaults, messagequeuetrigger_types
from fission.base import errors
from fission.kube import lister, reconcile, workqueue
from fission.mqtrigger import binding as bindings
from fission.mqtrigger import connectors, readers, secrets, statuses
from fission.mqtrigger.drivers import registry

logger = logging.getLogger(__name__)

Trigger = messagequeuetrigger_types.MessageQueueTrigger
Types = messagequeuetrigger_types.TYPES_BY_KIND
RESYNC_SECONDS = 300.0
"""Connectors are looked at again: somebody may have changed them."""


class Reconciler:
    """Brings sessions and connectors in line with the triggers."""

    def __init__(
        self,
        triggers: lister.Lister[Trigger],
        has_keda: Callable[[], bool],
        known_secrets: secrets.Secrets,
        sessions: readers.Readers,
        keda_objects: connectors.Connectors,
        conditions: statuses.Statuses,
    ) -> None:
        self._triggers = triggers
        self._has_keda = has_keda
        self._secrets = known_secrets
        self._readers = sessions
        self._connectors = keda_objects
        self._statuses = conditions
        self._without_connector: set[bindings.Key] = set()
        self.queue: workqueue.WorkQueue[bindings.Key] = workqueue.WorkQueue()

    async def run(self) -> None:
        """Reconcile until cancelled."""
        await reconcile.run(self.queue, self.step, workers=8, name="mqtrigger")

    def again(self) -> None:
        """Look at every trigger: KEDA came or went."""
        for trigger in self._triggers.list():
            self.queue.add((trigger.metadata.namespace, trigger.metadata.name))

    async def step(self, key: bindings.Key) -> reconcile.Result:
        """Bring one trigger in line."""
        trigger = self._triggers.get(*key)
        if trigger is None or trigger.metadata.deletion_timestamp:
            self._secrets.release(key)
            self._without_connector.discard(key)
            await self._readers.remove(key, is_gone=True)
            return reconcile.DONE
        binding = bindings.of(trigger)
        reader = reader_of(binding, self._has_keda())
        if reader == "":
            await self._readers.remove(key)
            return await self._fail(binding, "NotOwned", _unread(binding, self._has_keda()))
        secret: dict[str, bytes] | None = {}
        if trigger.spec.secret:
            secret = await self._secrets.use(key, trigger.spec.secret)
            if secret is None:
                await self._readers.remove(key)
                text = f"spec.secret: there is no Secret {key[0]}/{trigger.spec.secret}"
                return await self._fail(binding, "SecretMissing", text)
        else:
            self._secrets.release(key)
        if reader == messagequeuetrigger_types.KIND_KEDA:
            await self._readers.remove(key)
            return await self._connect(binding, trigger, secret)
        if self._has_keda() and key not in self._without_connector:
            await self._connectors.remove(*key)
            self._without_connector.add(key)
        await self._readers.ensure(binding, secret or {})
        return reconcile.DONE

    async def _connect(
        self, binding: bindings.Binding, trigger: Trigger, secret: dict[str, bytes] | None
    ) -> reconcile.Result:
        self._without_connector.discard(binding.key)
        try:
            await self._connectors.ensure(trigger, secret)
        except (connectors.NoImage, connectors.NotOurs) as error:
            return await self._fail(binding, error.reason, error.message)
        await self._statuses.write(binding, statuses.WORKS)
        return reconcile.Result(requeue_after_seconds=RESYNC_SECONDS)

    async def _fail(self, binding: bindings.Binding, reason: str, message: str) -> reconcile.Result:
        try:
            await self._statuses.write(binding, statuses.Condition(reason, message))
        except errors.DeadlineExceeded:
            return reconcile.AGAIN
        return reconcile.DONE


def reader_of(binding: bindings.Binding, has_keda: bool) -> str:
    """``keda``, ``fission``, or empty: nobody here."""
    spec = binding.spec
    kind = messagequeuetrigger_defaults.mqt_kind(spec)
    if kind == messagequeuetrigger_types.KIND_KEDA and has_keda:
        return kind if spec.message_queue_type in Types[kind] else ""
    reads = {*registry.TYPES, registry.STATESTORE}
    return messagequeuetrigger_types.KIND_FISSION if spec.message_queue_type in reads else ""


def _unread(binding: bindings.Binding, has_keda: bool) -> str:
    queue_type = binding.spec.message_queue_type
    known = ", ".join(sorted({*registry.TYPES, registry.STATESTORE}))
    remedy = "" if has_keda else f"; {queue_type} needs KEDA, which this cluster does not have"
    return f"spec.messageQueueType: {queue_type!r} is none of those that are read: {known}{remedy}"
