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

from fission.base import clock as clocks
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

    @property
    def count(self) -> int:
        """How many ticks this speaks of."""
        return self.missed + (self.fire is not None)


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


def describe(due: Due, grace_seconds: float) -> str:
    """What to say of ticks that were missed."""
    assert due.latest is not None
    many = f"{due.missed} ticks were" if due.missed != 1 else "1 tick was"
    if due.missed >= MOST_COUNTED:
        many = f"{due.missed} ticks or more were"
    latest = clocks.format_rfc3339(due.latest)
    if due.fire is not None:
        return f"{many} missed, while no timer was there; the latest, {latest}, is fired"
    return (
        f"{many} missed, the latest at {latest}: longer ago than the grace of {grace_seconds:g} s"
    )


def _latest(
    schedule: cron.Schedule, first: datetime.datetime, now: datetime.datetime
) -> datetime.datetime:
    """The latest tick up to ``now``, of which ``first`` is the first."""
    found = first
    # The next tick only moves forward with the instant asked about: halve, walk through nothing.
    low, high = 0, int((now - first).total_seconds()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        following = schedule.next_after(first + datetime.timedelta(seconds=middle))
        if following <= now:
            low, found = middle, following
        else:
            high = middle
    following = schedule.next_after(found)
    return following if following <= now else found
