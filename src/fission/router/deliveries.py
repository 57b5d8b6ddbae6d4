"""What each trigger's requests came to, on its way to the trigger's delivery record.

Delivered is what the function answered below 500. Failed is what it answered with 500 or above, and
what the platform answered in its place. A client that went away, or sent what is no good request,
says nothing about either. A WebSocket was delivered, unless its pod broke it.

Counted per route on the path of requests, handed over once a second while there is something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from fission.router import failures

if TYPE_CHECKING:
    import asyncio

    from fission.router import routes

HAND_OVER_SECONDS: Final = 1.0
FUNCTION_FAILED: Final = 500
TUNNEL_CLOSED: Final = 101
"""The status with which a tunnel is closed in order, by the router or its limits."""


class Records(Protocol):
    """Who writes the records."""

    def delivered(self, namespace: str, name: str, count: int = 1) -> None: ...

    def failed(self, namespace: str, name: str, message: str) -> None: ...


class Deliveries:
    """Counts between two moments of handing over."""

    def __init__(self, records: Records, loop: asyncio.AbstractEventLoop) -> None:
        self._records = records
        self._loop = loop
        self._delivered: dict[routes.Route, int] = {}
        self._scheduled: asyncio.TimerHandle | None = None

    def ended(self, route: routes.Route, status: int, failure: failures.Failure | None) -> None:
        """A request of this trigger ended."""
        message = ""
        if failure is None:
            if status >= FUNCTION_FAILED:
                message = f"the function answered {status}"
        elif failure.status == failures.CLIENT_CLOSED or failure.open_to_all:
            return
        elif failure.status != TUNNEL_CLOSED:
            message = f"{failure.component}: {failure.message} ({failure.reason}, {status})"
        if message:
            metadata = route.trigger.metadata
            self._records.failed(metadata.namespace, metadata.name, message)
            return
        self._delivered[route] = self._delivered.get(route, 0) + 1
        if self._scheduled is None:
            self._scheduled = self._loop.call_later(HAND_OVER_SECONDS, self.flush)

    def flush(self) -> None:
        """Hand over what was counted."""
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        counted, self._delivered = self._delivered, {}
        for route, count in counted.items():
            metadata = route.trigger.metadata
            self._records.delivered(metadata.namespace, metadata.name, count)
