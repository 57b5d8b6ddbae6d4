"""Knows every time trigger, and wakes for the next; decides with ``plan``, acts by ``ticks``.

All triggers share one heap and one alarm. A trigger that is not due costs its entry and nothing
else, whatever its schedule.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Callable

from fission.api import timetrigger_lifecycle, timetrigger_types
from fission.base import clock as clocks
from fission.timer import agenda, alarm, config, entries, ledger, metrics, plan, ticks

logger = logging.getLogger(__name__)


class Scheduler:
    """The timer's heart; ``observe`` and ``forget`` are told what the API says."""

    def __init__(
        self,
        settings: config.Config,
        waiter: alarm.Alarm,
        counted: metrics.Metrics,
        clock: clocks.Clock,
        *,
        is_function_known: Callable[[entries.Entry], bool | None],
    ) -> None:
        """``is_function_known`` answers None while functions are not listed."""
        self._settings = settings
        self._alarm = waiter
        self._metrics = counted
        self._clock = clock
        self._is_function_known = is_function_known
        self._entries: dict[entries.Key, entries.Entry] = {}
        self._by_function: dict[entries.Key, set[entries.Key]] = {}
        self._agenda: agenda.Agenda[entries.Key] = agenda.Agenda(self._lead)
        self._book: ledger.Ledger | None = None
        self._ticks: ticks.Ticks | None = None

    def start(self, book: ledger.Ledger, sender: ticks.Ticks) -> None:
        """Give it its hands, before anything is observed."""
        self._book = book
        self._ticks = sender

    @property
    def count(self) -> int:
        """Triggers known."""
        return len(self._entries)

    def entry(self, namespace: str, name: str) -> entries.Entry | None:
        """What is known of a trigger."""
        return self._entries.get((namespace, name))

    def observe(self, seen: timetrigger_types.TimeTrigger) -> None:
        """A trigger is there, or has changed; it is the scheduler's own from now on."""
        key = seen.metadata.namespace, seen.metadata.name
        known = self._entries.get(key)
        if known is not None and known.uid == seen.metadata.uid:
            if not entries.is_same(known.trigger, seen):
                known.trigger.metadata.generation = seen.metadata.generation
                known.trigger.metadata.annotations = seen.metadata.annotations
                known.trigger.spec = seen.spec
                self.changed(known)
            return
        if known is not None:
            self.forget(*key)
        entry = entries.make(seen, self._settings.missed_grace_seconds, self._clock.now())
        self._entries[key] = entry
        self.settle(entry)
        self._link(entry)
        self._enter(entry)

    def changed(self, entry: entries.Entry) -> None:
        """A known trigger has another spec."""
        assert self._ticks is not None
        before = entry.trigger.status.cron
        entries.adopt(entry, self._settings.missed_grace_seconds, self._clock.now())
        if entry.trigger.status.cron != before:
            self._ticks.clear(entry)
        self._link(entry)
        self._enter(entry)

    def forget(self, namespace: str, name: str) -> None:
        """A trigger is gone; a call that runs comes to its end."""
        assert self._ticks is not None
        entry = self._entries.pop((namespace, name), None)
        if entry is None:
            return
        entry.is_gone = True
        self._ticks.clear(entry)
        self._unlink(entry)
        self._agenda.drop(entry.key)
        self._metrics.triggers.set(len(self._agenda))
        self._metrics.forget(entry.key)

    def function_changed(self, namespace: str, name: str) -> None:
        """A function came or went."""
        for key in self._by_function.get((namespace, name), ()):
            self._mark(self._entries[key])

    def functions_listed(self) -> None:
        """From now on it is known which functions there are."""
        for entry in self._entries.values():
            self._mark(entry)

    def settle(self, entry: entries.Entry) -> None:
        """A tick that was claimed, by a timer before this one most likely, and never told of."""
        assert self._ticks is not None
        left = entries.unsettled(entry)
        if left is not None:
            why = f"the timer that claimed it ({entry.trigger.status.claimed_by}) ended meanwhile"
            self._ticks.unknown(entry, left, why)

    async def run(self) -> None:
        """Take up what is due, until cancelled."""
        while True:
            for key, instant in self._agenda.take(self._clock.now()):
                await asyncio.sleep(0)  # others have their turn, and the first claims begin
                entry = self._entries.get(key)
                if entry is not None:
                    self._take_up(entry, instant)
            await self._alarm.wait(self._agenda.next_wake())

    def _take_up(self, entry: entries.Entry, instant: datetime.datetime) -> None:
        assert self._ticks is not None
        if entry.schedule is None:
            return
        now = max(self._clock.now(), instant)
        due = plan.look(entry.schedule, entry.base, now, entry.grace_seconds)
        if due.latest is not None:
            entry.base = due.latest
            self._ticks.offer(entry, due)
        self._put(entry)

    def _enter(self, entry: entries.Entry) -> None:
        self._mark(entry)
        self._put(entry)
        self._alarm.wake()

    def _put(self, entry: entries.Entry) -> None:
        following = entry.next_tick()
        if following is None:
            self._agenda.drop(entry.key)
        else:
            self._agenda.put(entry.key, following)
            # Written with the next claim, or with what else is to be said.
            entry.trigger.status.next_fire_time = clocks.format_rfc3339(following)
        self._metrics.triggers.set(len(self._agenda))

    def _mark(self, entry: entries.Entry) -> None:
        """Say in the conditions whether it works."""
        assert self._book is not None
        changed = entry.is_dirty
        if entry.schedule is not None:
            now = self._clock.now()
            is_known = self._is_function_known(entry)
            if is_known:
                changed |= timetrigger_lifecycle.mark_scheduled(entry.trigger, now)
            elif is_known is False:
                name = f"{entry.key[0]}/{entry.function_name}"
                text = f'spec.functionref.name: there is no function "{name}"'
                changed |= timetrigger_lifecycle.mark_function_missing(entry.trigger, text, now)
        if changed:
            self._book.touch(entry)

    def _link(self, entry: entries.Entry) -> None:
        self._unlink(entry)
        entry.linked = entry.key[0], entry.function_name
        self._by_function.setdefault(entry.linked, set()).add(entry.key)

    def _unlink(self, entry: entries.Entry) -> None:
        if entry.linked is None:
            return
        linked = self._by_function.get(entry.linked, set())
        linked.discard(entry.key)
        if not linked:
            self._by_function.pop(entry.linked, None)
        entry.linked = None

    def _lead(self, count: int) -> float:
        seconds = self._settings.claim_lead_seconds + count / self._settings.claims_per_second
        return min(seconds, self._settings.longest_claim_lead_seconds)
