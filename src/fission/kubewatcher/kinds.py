"""What the cluster serves, asked for once and again when something is missing from it."""

from __future__ import annotations

from typing import Final

from fission.base import clock as clocks
from fission.base import singleflight
from fission.kube import client as kube_client
from fission.kube import discovery
from fission.kubewatcher import resolve
from fission.meta import gvk

FRESH_SECONDS: Final = 300.0
"""So long an answer holds for what it names: groups change their preferred version rarely."""
LONGEST_RETRY_SECONDS: Final = 2.0
"""So long it holds for what it does not name: many triggers may ask for it at once."""


class Kinds:
    """Resolves what triggers name."""

    def __init__(
        self, client: kube_client.Client, clock: clocks.Clock, retry_seconds: float
    ) -> None:
        """``retry_seconds``: how often each trigger asks again for what is missing."""
        self._client = client
        self._clock = clock
        self._retry_seconds = min(retry_seconds / 2, LONGEST_RETRY_SECONDS)
        self._flights: singleflight.SingleFlight[str, None] = singleflight.SingleFlight()
        self._served: list[discovery.Served] = []
        self._asked_at: float | None = None

    async def resolve(self, text: str) -> gvk.Resource:
        """The resource that a trigger means; raises resolve.Refused."""
        await self._ask(FRESH_SECONDS)
        try:
            return resolve.choose(self._served, text)
        except resolve.Refused:
            await self._ask(self._retry_seconds)
            return resolve.choose(self._served, text)

    def forget(self) -> None:
        """A resource was not where it should be: ask again next time."""
        self._asked_at = None

    async def _ask(self, fresh_seconds: float) -> None:
        now = self._clock.monotonic()
        if self._asked_at is None or now - self._asked_at >= fresh_seconds:
            await self._flights.do("", self._discover)

    async def _discover(self) -> None:
        self._served = await discovery.served(self._client)
        self._asked_at = self._clock.monotonic()
