"""How many calls of one trigger run at once. Pure; the time is an argument.

``Scale`` says how many there should be: one for each ``lag_threshold`` messages that wait, between
``minReplicaCount`` and ``maxReplicaCount``. It rises at once. It falls after ``cooldownPeriod`` to
the most that was needed in that time, so a burst that comes in waves finds its pods warm.

``Throttle`` says how many the function takes: when the platform refuses a call, the calls that it
did not refuse are what the function can do. From there it feels its way up again, one more for
each round of successes. When it refuses the only call, everything waits: Retry-After, or a growing
time. So a function at its limit costs a refusal now and then and not a storm of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

FIRST_HOLD_SECONDS: Final = 0.1
LARGEST_HOLD_SECONDS: Final = 30.0
ROUNDS_PER_STEP: Final = 4
"""So many successes of every slot before one more is tried."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a trigger allows."""

    least: int
    most: int
    lag_threshold: int
    cooldown_seconds: float


def needed(backlog: int, bounds: Bounds) -> int:
    """Calls at once for so many unsettled messages."""
    wanted = math.ceil(max(0, backlog) / max(1, bounds.lag_threshold))
    return max(1, bounds.least, min(wanted, bounds.most))


class Scale:
    """The number of calls at once that a trigger should have."""

    def __init__(self, bounds: Bounds, now: float) -> None:
        self.bounds = bounds
        self.current = needed(0, bounds)
        self._since = now
        self._peak = 0

    def observe(self, backlog: int, now: float) -> int:
        """So many messages wait or are being handled; returns the number of calls at once."""
        wanted = needed(backlog, self.bounds)
        if wanted >= self.current:
            self.current = wanted
            self._restart(now)
            return self.current
        self._peak = max(self._peak, wanted)
        if now - self._since >= self.bounds.cooldown_seconds:
            self.current = self._peak
            self._restart(now)
        return self.current

    def _restart(self, now: float) -> None:
        self._since = now
        self._peak = 0


class Throttle:
    """The number of calls at once that the function takes, as far as refusals tell."""

    def __init__(self) -> None:
        self._limit: int | None = None
        self._successes = 0
        self._refusals = 0
        self.hold_until = 0.0
        """Before this no call should begin."""

    @property
    def limit(self) -> int | None:
        """None: no refusal has said anything."""
        return self._limit

    def allows(self, running: int, wanted: int, now: float) -> bool:
        """Whether one more call may begin, ``running`` being under way."""
        if now < self.hold_until:
            return False
        return running < (wanted if self._limit is None else min(self._limit, wanted))

    def refused(self, others: int, retry_after_seconds: float, now: float) -> None:
        """The platform refused a call while ``others`` were under way."""
        self._successes = 0
        self._limit = max(1, others if self._limit is None else min(self._limit, others))
        if others > 0:
            return
        grown = FIRST_HOLD_SECONDS * 2.0 ** min(self._refusals, 20)
        self._refusals += 1
        wait = max(retry_after_seconds, min(grown, LARGEST_HOLD_SECONDS))
        self.hold_until = max(self.hold_until, now + wait)

    def passed(self, wanted: int) -> None:
        """A call got to the function."""
        self._refusals = 0
        self.hold_until = 0.0
        if self._limit is None:
            return
        self._successes += 1
        if self._successes >= ROUNDS_PER_STEP * self._limit:
            self._successes = 0
            self._limit += 1
            if self._limit >= wanted:
                self._limit = None
