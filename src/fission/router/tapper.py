"""Reports of use to the executor, every few seconds and off the path of requests.

A request only leaves a mark on its endpoint; here the marks are gathered. An endpoint with a
request under way counts as used, so long streams keep their pod.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, Protocol

from fission.router import executor_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fission.router import slots, targets

    SlotsOf = Callable[[str], Iterable[slots.Slots]]

LAST_REPORT_SECONDS = 0.5
"""Bounds the report at the end; without it the executor only keeps a pod a little shorter."""

_log = logging.getLogger(__name__)


class Reporter(Protocol):
    """Who is told."""

    async def tap(self, taps: list[dict[str, Any]]) -> None: ...


class Tapper:
    """Gathers and sends."""

    def __init__(
        self,
        functions: Callable[[], Iterable[targets.Target]],
        slots_of: SlotsOf,
        reporter: Reporter,
        interval_seconds: float,
    ) -> None:
        """`slots_of` gives all slots of a function by its uid."""
        self._functions = functions
        self._slots_of = slots_of
        self._reporter = reporter
        self._interval_seconds = interval_seconds
        self.failures = 0
        """Reports that did not get through; a metric."""

    async def run(self) -> None:
        """Report until cancelled, and once more then."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                await asyncio.sleep(self._interval_seconds)
                await self.flush(loop.time())
        finally:
            # Where everything stops at once, the executor may be gone: its socket accepts still.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_REPORT_SECONDS):
                    await self.flush(loop.time())

    async def flush(self, now: float) -> None:
        """Report what was used since the last time."""
        taps = gather(self._functions(), self._slots_of, now)
        if not taps:
            return
        try:
            await self._reporter.tap(taps)
        except Exception as error:
            self.failures += 1
            _log.warning("use was not reported: %s", error, extra={"count": len(taps)})


def gather(
    functions: Iterable[targets.Target], slots_of: SlotsOf, now: float
) -> list[dict[str, Any]]:
    """Reports for every endpoint that was used or is in use; clears the marks.

    Former generations and executor types are among them: what runs there keeps its pod.
    """
    taps = []
    for target in functions:
        for own in slots_of(target.uid):
            own.sweep(now)
            for endpoint in own.in_use:
                endpoint.used = False
                url = "http://" + executor_client.format_address(endpoint.address)
                taps.append(executor_client.tap_of(target, url, own.executor_type))
    return taps
