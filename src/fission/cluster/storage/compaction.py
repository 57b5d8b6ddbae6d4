"""How long history is kept: by default as long as upstream's API server keeps it, five minutes."""

from __future__ import annotations

import asyncio
from collections import deque

from fission.base import clock
from fission.cluster.storage import store

HISTORY_SECONDS = 300.0
INTERVAL_SECONDS = 30.0


class Horizon:
    """Which revision was current so many seconds ago. Pure."""

    def __init__(self, history_seconds: float = HISTORY_SECONDS) -> None:
        self._history_seconds = history_seconds
        self._samples: deque[tuple[float, int]] = deque()

    def observe(self, now: float, revision: int) -> int | None:
        """Note a sample; the revision up to which history may go, or None."""
        self._samples.append((now, revision))
        found = None
        while self._samples and self._samples[0][0] <= now - self._history_seconds:
            found = self._samples.popleft()[1]
        return found


async def run(
    target: store.Store,
    time: clock.Clock,
    history_seconds: float = HISTORY_SECONDS,
    interval_seconds: float = INTERVAL_SECONDS,
) -> None:
    """Compact for ever."""
    horizon = Horizon(history_seconds)
    while True:
        revision = horizon.observe(time.monotonic(), target.revision)
        if revision is not None:
            await target.compact(revision)
        await asyncio.sleep(interval_seconds)
