"""What a trigger's status says: whether its watch is open, and when history was lost.

``Reports`` holds what should stand there and writes it in its own time, again until the API takes
it; a report that is overtaken by a newer one is never written.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import Final

from fission.api import (
    kuberneteswatchtrigger_lifecycle,
    kuberneteswatchtrigger_types,
    objects,
    resources,
)
from fission.base import backoff, errors
from fission.base import clock as clocks
from fission.kube import client as kube_client
from fission.meta import status

logger = logging.getLogger(__name__)

LARGEST_RETRY_SECONDS: Final = 10.0


class Reports:
    """The reports on one trigger."""

    def __init__(
        self,
        client: kube_client.Client,
        trigger: kuberneteswatchtrigger_types.KubernetesWatchTrigger,
        clock: clocks.Clock,
    ) -> None:
        self._client = client
        self._trigger = trigger
        self._clock = clock
        self._reason = ""
        self._message = ""
        self._is_open = False
        self._gap: kuberneteswatchtrigger_types.WatchGap | None = None
        self._changed = asyncio.Event()

    def open(self, message: str) -> None:
        """The watch is open."""
        self._say(True, "", message)

    def failed(self, reason: str, message: str) -> bool:
        """It is not, and why; whether that is new."""
        return self._say(False, reason, message)

    def gap(self, message: str) -> None:
        """Something happened that nobody can tell any more."""
        at = clocks.format_rfc3339(self._clock.now())
        self._gap = kuberneteswatchtrigger_types.WatchGap(at=at, message=message)
        self._changed.set()

    async def run(self) -> None:
        """Write until cancelled, or until the trigger is gone."""
        while True:
            await self._changed.wait()
            pauses = backoff.delays(
                0.1, cap_seconds=LARGEST_RETRY_SECONDS, jitter=0.2, draw=random.random
            )
            while self._changed.is_set():
                self._changed.clear()
                try:
                    await self._write()
                except status.NotFound:
                    return
                except errors.Error as error:
                    logger.debug("status was not written: %s", error)
                    self._changed.set()
                    await asyncio.sleep(next(pauses))

    def _say(self, is_open: bool, reason: str, message: str) -> bool:
        said = is_open, reason, message
        if said == (self._is_open, self._reason, self._message):
            return False
        self._is_open, self._reason, self._message = said
        self._changed.set()
        return True

    async def _write(self) -> None:
        metadata = self._trigger.metadata
        raw = await self._client.get(
            resources.KUBERNETESWATCHTRIGGERS, metadata.name, metadata.namespace
        )
        found = objects.decode(kuberneteswatchtrigger_types.KubernetesWatchTrigger, raw)
        if (found.metadata.uid, found.metadata.generation) != (metadata.uid, metadata.generation):
            return
        changed = self._mark(found)
        gap = self._gap
        if not changed and gap is None:
            return
        document = {
            "observedGeneration": found.status.observed_generation,
            "conditions": found.status.conditions,
        }
        if gap is not None:
            document["lastGap"] = {"at": gap.at, "message": gap.message}
        await self._client.patch(
            resources.KUBERNETESWATCHTRIGGERS,
            metadata.name,
            {
                "metadata": {"resourceVersion": found.metadata.resource_version},
                "status": document,
            },
            metadata.namespace,
            subresource="status",
        )
        if self._gap is gap:
            self._gap = None

    def _mark(self, found: kuberneteswatchtrigger_types.KubernetesWatchTrigger) -> bool:
        now = self._clock.now()
        if self._is_open:
            return kuberneteswatchtrigger_lifecycle.mark_subscribed(found, now, self._message)
        if self._reason:
            return kuberneteswatchtrigger_lifecycle.mark_failed(
                found, self._reason, self._message, now
            )
        return False
