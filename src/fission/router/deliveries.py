"""What each trigger's requests came to, on its way to the trigger's delivery record.

Delivered is what the function answered below 500. Failed is what it answered with 500 or above, and
what the platform answered in its place. A client that went away says nothing about either.

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
        if failure is None and status < FUNCTION_FAILED:
            self._delivered[route] = self._delivered.get(route, 0) + 1
            if self._scheduled is None:
                self._scheduled = self._loop.call_later(HAND_OVER_SECONDS, self.flush)
        elif status != failures.CLIENT_CLOSED:
            metadata = route.trigger.metadata
            message = f"the function answered {status}"
            if failure is not None:
                message = f"{failure.component}: {failure.message} ({failure.reason}, {status})"
            self._records.failed(metadata.namespace, metadata.name, message)

    def flush(self) -> None:
        """Hand over what was counted."""
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        counted, self._delivered = self._delivered, {}
        for route, count in counted.items():
            metadata = route.trigger.metadata
            self._records.delivered(metadata.namespace, metadata.name, count)
