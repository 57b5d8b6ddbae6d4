"""Waiting until the platform has seen a function's change."""

import asyncio
from typing import Any, Final

from fission.api import resources
from fission.cli import context, lookups

_SETTLE_SECONDS: Final = 2.0
_SETTLE_PAUSE_SECONDS: Final = 0.02


async def settle(session: context.Session, changed: dict[str, Any]) -> None:
    """Wait a moment until the platform has seen the change: the next call shall be served by it.

    A function that nobody ever looked at is not waited for.
    """
    deadline = session.clock.monotonic() + _SETTLE_SECONDS
    generation = changed["metadata"].get("generation", 0)
    seen = changed
    while 0 < (seen.get("status") or {}).get("observedGeneration", 0) < generation:
        if session.clock.monotonic() > deadline:
            return
        await asyncio.sleep(_SETTLE_PAUSE_SECONDS)
        seen = await lookups.get(session, resources.FUNCTIONS, lookups.name_of(changed))
