"""Trying again where no answer came: brief pauses, a limit, and the last error at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from fission.base import backoff
from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.cli import errors
from fission.kube import errors as kube_errors
from fission.meta import status

T = TypeVar("T")

PASSING: Final = (
    errors.Unreachable,
    kube_errors.Unreachable,
    status.ServiceUnavailable,
    status.Timeout,
    status.TooManyRequests,
)
"""Failures of a platform that restarts, or of the way to it."""

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 2.0
OUTAGE_SECONDS: Final = 60.0
"""Longest outage that a follower sits through: an API server is back in seconds."""
ATTEMPTS: Final = 5
"""Of one transfer: pauses of 0.2 to 1.6 s between them."""


class Outage:
    """How long nobody has answered; ``wait`` raises the failure when that is too long."""

    def __init__(self, clock: clocks.Clock) -> None:
        self._clock = clock
        self.over()

    def over(self) -> None:
        """There was an answer."""
        self._since: float | None = None
        self._pauses = backoff.delays(FIRST_PAUSE_SECONDS, cap_seconds=LONGEST_PAUSE_SECONDS)

    async def wait(self, error: base_errors.Error) -> None:
        """Pause before the next attempt."""
        now = self._clock.monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since > OUTAGE_SECONDS:
            raise error
        await asyncio.sleep(next(self._pauses))


async def persistently(
    attempt: Callable[[], Awaitable[T]], on_retry: Callable[[base_errors.Error], None]
) -> T:
    """Do something that may be repeated as a whole, up to ``ATTEMPTS`` times."""
    pauses = backoff.delays(FIRST_PAUSE_SECONDS, cap_seconds=LONGEST_PAUSE_SECONDS)
    for _ in range(ATTEMPTS - 1):
        try:
            return await attempt()
        except PASSING as error:
            on_retry(error)
            await asyncio.sleep(next(pauses))
    return await attempt()
