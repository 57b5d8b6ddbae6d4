"""One time trigger as the timer holds it: its schedule, its place in time, and its status.

The timer is the one writer of this status, so memory is ahead of the object and every write says
everything: a write whose answer was lost can be repeated.
"""

from __future__ import annotations

import asyncio
import collections
import copy
import dataclasses
import datetime
from typing import Any

from fission.api import (
    durations,
    objects,
    reference_types,
    timetrigger_lifecycle,
    timetrigger_types,
    timetrigger_validation,
)
from fission.base import clock as clocks
from fission.base import cron
from fission.timer import plan

Obj = dict[str, Any]
Key = tuple[str, str]

MAX_MESSAGE_CHARS = 512
_EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)


@dataclasses.dataclass(slots=True)
class Entry:
    """A trigger; ``trigger.status`` is what the object says or is about to say."""

    trigger: timetrigger_types.TimeTrigger
    schedule: cron.Schedule | None = None
    base: datetime.datetime = _EPOCH
    """Ticks up to here are dealt with."""
    grace_seconds: float = 0.0
    queue: collections.deque[plan.Due] = dataclasses.field(default_factory=collections.deque)
    """Ticks that wait for the one before them; none of them is claimed, or counted as missed."""
    runner: asyncio.Task[None] | None = None
    lock: asyncio.Lock = dataclasses.field(default_factory=asyncio.Lock)
    """Held while the status is written."""
    is_dirty: bool = False
    """The status here says more than the object."""
    is_gone: bool = False
    linked: Key | None = None
    """The function under which the scheduler finds it."""

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.trigger.metadata.namespace, self.trigger.metadata.name

    @property
    def uid(self) -> str:
        """Of the object; another object may have the same name later."""
        return self.trigger.metadata.uid

    @property
    def function_name(self) -> str:
        """The function to call; empty where several share the calls."""
        return self.trigger.spec.function_ref.name

    @property
    def delivery(self) -> reference_types.Delivery:
        """The record, made when first asked for."""
        status = self.trigger.status
        if status.delivery is None:
            status.delivery = reference_types.Delivery()
        return status.delivery

    def failed(self, now: datetime.datetime, message: str) -> None:
        """Note why a tick did not come through."""
        self.delivery.last_error = reference_types.DeliveryError(
            at=clocks.format_rfc3339(now), message=message[:MAX_MESSAGE_CHARS]
        )

    def settled(self, instant: datetime.datetime) -> None:
        """The tick has its outcome. Of a later one another timer may have told already."""
        status = self.trigger.status
        status.last_settled_time = max(status.last_settled_time, clocks.format_rfc3339(instant))

    def next_tick(self) -> datetime.datetime | None:
        """The tick after those dealt with."""
        return None if self.schedule is None else self.schedule.next_after(self.base)


def make(
    seen: timetrigger_types.TimeTrigger, default_grace_seconds: float, now: datetime.datetime
) -> Entry:
    """An entry for an object that is seen for the first time; the entry's own from now on."""
    entry = Entry(seen)
    adopt(entry, default_grace_seconds, now)
    return entry


def adopt(entry: Entry, default_grace_seconds: float, now: datetime.datetime) -> None:
    """Read the spec: the schedule, from when it counts, and what cannot be read."""
    trigger = entry.trigger
    status = trigger.status
    before = status.cron, status.since, status.next_fire_time
    entry.schedule = None
    entry.grace_seconds = default_grace_seconds
    try:
        schedule = cron.parse(trigger.spec.cron)
        given = timetrigger_validation.missed_grace_seconds(trigger)
    except cron.CronError as error:
        _refuse(entry, timetrigger_lifecycle.INVALID_CRON, error.message, now)
    except durations.DurationError as error:
        _refuse(entry, timetrigger_lifecycle.INVALID_GRACE, error.message, now)
    else:
        if given is not None:
            entry.grace_seconds = given
        since = _since(trigger, now)
        entry.schedule = schedule.anchored(since)
        base = max(since, _moment(status.last_fire_time) or since)
        # With the same schedule, ticks that wait in the queue are not looked for again.
        entry.base = max(base, entry.base) if status.cron == trigger.spec.cron else base
        status.cron = trigger.spec.cron
        status.since = clocks.format_rfc3339(since)
        status.next_fire_time = clocks.format_rfc3339(entry.schedule.next_after(entry.base))
    if before != (status.cron, status.since, status.next_fire_time):
        entry.is_dirty = True


def _refuse(entry: Entry, reason: str, message: str, now: datetime.datetime) -> None:
    """Nothing is due; and when it can be read again, it counts from then."""
    entry.trigger.status.cron = ""
    entry.trigger.status.next_fire_time = ""
    if timetrigger_lifecycle.mark_failed(entry.trigger, reason, message, now):
        entry.is_dirty = True


def _since(trigger: timetrigger_types.TimeTrigger, now: datetime.datetime) -> datetime.datetime:
    """A new trigger counts from its creation, another schedule from when it was seen."""
    status = trigger.status
    if not status.observed_generation and not status.cron:
        return _moment(trigger.metadata.creation_timestamp) or now
    known = _moment(status.since)
    if known is None or status.cron != trigger.spec.cron:
        return now.replace(microsecond=0)
    return known


def is_same(known: timetrigger_types.TimeTrigger, seen: timetrigger_types.TimeTrigger) -> bool:
    """Whether nothing that the timer reads has changed."""
    return (
        known.metadata.generation == seen.metadata.generation
        and known.metadata.annotations == seen.metadata.annotations
    )


def unsettled(entry: Entry) -> datetime.datetime | None:
    """The tick that a timer claimed and of which no outcome is known."""
    status = entry.trigger.status
    fired, settled = _moment(status.last_fire_time), _moment(status.last_settled_time)
    if fired is None or (settled is not None and settled >= fired):
        return None
    return fired


def make_patch(entry: Entry) -> Obj:
    """The merge patch that makes the object's status what it is here, if nobody wrote meanwhile."""
    status = entry.trigger.status
    wire: Obj = {
        "observedGeneration": status.observed_generation,
        "conditions": copy.deepcopy(status.conditions),
        "cron": status.cron,
        "since": status.since,
        "lastFireTime": status.last_fire_time,
        "lastSettledTime": status.last_settled_time,
        "nextFireTime": status.next_fire_time,
        "claimedBy": status.claimed_by,
        "missed": status.missed,
        "unknown": status.unknown,
    }
    if status.delivery is not None:
        counted = {"delivered": status.delivery.delivered, "failed": status.delivery.failed}
        wire["delivery"] = {**counted, **objects.encode_part(status.delivery)}
    return {
        "metadata": {"resourceVersion": entry.trigger.metadata.resource_version},
        "status": wire,
    }


def _moment(text: str | None) -> datetime.datetime | None:
    if not text:
        return None
    try:
        return clocks.parse_rfc3339(text)
    except ValueError:
        return None
