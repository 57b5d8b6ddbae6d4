"""Which ticks are due, which were missed. Pure.

Ticks that went by while nobody could fire them (the timer was down, or its clock was set forward)
are not caught up one by one: the latest of them is fired, if it is not too long ago, and the others
are counted. A clock that is set back fires nothing twice: ticks are looked for after the latest one
only, and come when the clock has passed it again.
"""

from __future__ import annotations

import dataclasses
import datetime
from typing import Final

from fission.base import cron

ON_TIME_SECONDS: Final = 2.0
"""A tick seen so late is on time all the same: a busy machine is not an absence."""
MOST_COUNTED: Final = 1000
"""Missed ticks are counted up to here; a trigger of every second misses many overnight."""


@dataclasses.dataclass(frozen=True, slots=True)
class Due:
    """What a look at the clock says about one trigger."""

    fire: datetime.datetime | None
    """The tick to fire now."""
    missed: int
    """Ticks before it, or in its stead, that nobody fired; MOST_COUNTED stands for more."""
    latest: datetime.datetime | None
    """The latest tick that is over; the next is looked for after it."""


NOTHING: Final = Due(None, 0, None)


def look(
    schedule: cron.Schedule,
    after: datetime.datetime,
    now: datetime.datetime,
    grace_seconds: float,
) -> Due:
    """Judge the ticks after ``after``, up to ``now``."""
    first = schedule.next_after(after)
    if first > now:
        return NOTHING
    latest = _latest(schedule, first, now)
    before, moment = 0, first
    while moment < latest and before < MOST_COUNTED:
        before += 1
        moment = schedule.next_after(moment)
    late_seconds = (now - latest).total_seconds()
    if late_seconds <= max(grace_seconds, ON_TIME_SECONDS):
        return Due(latest, before, latest)
    return Due(None, min(before + 1, MOST_COUNTED), latest)


def _latest(
    schedule: cron.Schedule, first: datetime.datetime, now: datetime.datetime
) -> datetime.datetime:
    """The latest tick up to ``now``, of which ``first`` is the first."""
    # Look back twice as far each time, so that a schedule of every second is not walked through.
    seconds = 1.0
    found = first
    while seconds < (now - first).total_seconds():
        candidate = schedule.next_after(now - datetime.timedelta(seconds=seconds))
        if candidate <= now:
            found = candidate
            break
        seconds *= 2
    while (following := schedule.next_after(found)) <= now:
        found = following
    return found
