"""From a tick to its function: claimed, at its instant, one at a time for each trigger.

A trigger that has nothing to send has no task. One that has gets a task which works its queue off
and ends. A tick is claimed when its turn comes and not when it joins the queue: what waits there
when a process dies is missed, not lost sight of.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import logging
from collections.abc import Callable
from typing import Final

from fission.api import objects, timetrigger_defaults
from fission.base import clock as clocks
from fission.base import errors, tasks
from fission.contracts import invocation
from fission.delivery import calls, publisher
from fission.kube import events, leadership
from fission.timer import alarm, config, entries, ledger, metrics, plan

logger = logging.getLogger(__name__)

HURRY_SECONDS: Final = 10.0
"""A tick is claimed and its call begun within this, or its grace if that is longer."""
ATTEMPTS_WITHOUT_FUNCTION: Final = 4
"""Within seconds: it may just be made. Ticks that come meanwhile should not have to wait long."""
MAX_ANSWER_BYTES: Final = 64 * 1024
"""What a function says to a timer interests nobody but when it is an error."""


class Ticks:
    """Sends the ticks of all triggers."""

    def __init__(
        self,
        settings: config.Config,
        book: ledger.Ledger,
        sender: publisher.Publisher,
        waiter: alarm.Alarm,
        recorder: events.Recorder,
        counted: metrics.Metrics,
        group: tasks.Tasks,
        clock: clocks.Clock,
        *,
        fence: Callable[[], None],
        is_function_known: Callable[[entries.Entry], bool | None],
    ) -> None:
        self._settings = settings
        self._book = book
        self._sender = sender
        self._alarm = waiter
        self._recorder = recorder
        self._metrics = counted
        self._group = group
        self._clock = clock
        self._fence = fence
        self._is_function_known = is_function_known
        self._calls = asyncio.Semaphore(settings.concurrent_calls)
        self._running: set[asyncio.Task[None]] = set()
        self._is_draining = False
        self._policy = publisher.Policy(
            attempts=settings.attempts,
            patience_seconds=settings.patience_seconds,
            repeat_unknown=False,
        )
        self._policy_without_function = dataclasses.replace(
            self._policy, attempts=min(ATTEMPTS_WITHOUT_FUNCTION, settings.attempts)
        )

    def offer(self, entry: entries.Entry, due: plan.Due) -> None:
        """Ticks are over, or one will be in a moment: fired or counted when their turn comes."""
        assert due.latest is not None
        if len(entry.queue) >= self._settings.queue_size:
            text = (
                f"the tick at {clocks.format_rfc3339(due.latest)} was dropped: {len(entry.queue)} "
                "ticks wait already, since calls take longer than the schedule leaves them"
            )
            self._missed(entry, due.count, text)
            return
        entry.queue.append(due)
        self._metrics.waiting.inc()
        if entry.runner is None:
            entry.runner = self._group.spawn(self._run(entry), f"ticks of {entry.key}")
            self._running.add(entry.runner)
            entry.runner.add_done_callback(self._running.discard)

    def unknown(self, entry: entries.Entry, instant: datetime.datetime, why: str) -> None:
        """A claimed tick that may have reached its function, and is not repeated."""
        entry.trigger.status.unknown += 1
        entry.settled(instant)
        text = (
            f"the tick at {clocks.format_rfc3339(instant)} may or may not have reached the "
            f"function, and is not repeated: {why}"
        )
        entry.failed(self._clock.now(), text)
        self._metrics.count(entry.key, metrics.UNKNOWN)
        self._recorder.event(
            objects.reference_to(entry.trigger), events.WARNING, "TickUnknown", text
        )
        self._book.touch(entry)

    def clear(self, entry: entries.Entry) -> None:
        """Ticks that wait are not wanted any more."""
        self._metrics.waiting.dec(len(entry.queue))
        entry.queue.clear()

    async def drain(self, timeout_seconds: float) -> None:
        """Let what was claimed come to its end; what waits behind it is left to the next timer."""
        self._is_draining = True
        if self._running:
            await asyncio.wait(set(self._running), timeout=timeout_seconds)

    async def _run(self, entry: entries.Entry) -> None:
        try:
            while entry.queue and not entry.is_gone and not self._is_draining:
                due = entry.queue.popleft()
                self._metrics.waiting.dec()
                if due.fire is not None:
                    await self._tick(entry, due, due.fire)
                else:
                    self._give_up(entry, due, plan.describe(due, entry.grace_seconds))
        finally:
            entry.runner = None

    async def _tick(self, entry: entries.Entry, due: plan.Due, instant: datetime.datetime) -> None:
        late = max(HURRY_SECONDS, entry.grace_seconds)
        give_up_at = max(instant, self._clock.now()) + datetime.timedelta(seconds=late)
        try:
            if not await self._book.claim(entry, instant, due.missed, give_up_at):
                return
        except errors.DeadlineExceeded as error:
            text = f"the tick at {clocks.format_rfc3339(instant)} was missed: {error}"
            self._give_up(entry, due, text)
            return
        if due.missed:
            self._tell_missed(entry, due.missed, plan.describe(due, entry.grace_seconds))
        # Without a slot: calls that are due before this one need them.
        await self._alarm.reach(instant)
        async with self._calls:
            try:
                self._fence()
            except leadership.NotLeader:
                return  # the claim stands; who claims the next tick finds it unsettled
            if not entry.is_gone:
                await self._call(entry, instant)

    def _give_up(self, entry: entries.Entry, due: plan.Due, text: str) -> None:
        """Ticks that nobody will fire, all before them being dealt with."""
        assert due.latest is not None
        # With the count goes up to where was counted: a successor does not count them again.
        entry.trigger.status.since = clocks.format_rfc3339(due.latest)
        self._missed(entry, due.count, text)

    def _missed(self, entry: entries.Entry, count: int, text: str) -> None:
        entry.trigger.status.missed += count
        self._tell_missed(entry, count, text)
        self._book.touch(entry)

    def _tell_missed(self, entry: entries.Entry, count: int, text: str) -> None:
        self._metrics.count(entry.key, metrics.MISSED, count)
        self._recorder.event(
            objects.reference_to(entry.trigger), events.WARNING, "TickMissed", text
        )

    async def _call(self, entry: entries.Entry, instant: datetime.datetime) -> None:
        late_seconds = (self._clock.now() - instant).total_seconds()
        self._metrics.lateness.observe(max(0.0, late_seconds))
        call = make_call(entry, instant, self._settings.call_timeout_seconds)
        known = self._is_function_known(entry)
        policy = self._policy_without_function if known is False else self._policy

        def tell(message: str) -> None:
            due = clocks.format_rfc3339(instant)
            entry.failed(self._clock.now(), f"the tick at {due} will be sent again: {message}")
            self._book.touch(entry)

        outcome = await self._sender.deliver(call, policy, tell)
        now = self._clock.now()
        if outcome.is_unknown:
            self.unknown(entry, instant, outcome.message)
            return
        entry.settled(instant)
        if outcome.delivered:
            entry.delivery.delivered += 1
            entry.delivery.last_delivered = clocks.format_rfc3339(now)
            self._metrics.count(entry.key, metrics.DELIVERED)
        else:
            entry.delivery.failed += 1
            entry.failed(now, outcome.message)
            self._metrics.count(entry.key, metrics.FAILED)
            tries = f"{outcome.attempts} attempts" if outcome.attempts != 1 else "1 attempt"
            text = f"a tick did not come through after {tries}: {outcome.message}"
            self._recorder.event(
                objects.reference_to(entry.trigger), events.WARNING, "TickFailed", text
            )
            logger.warning("tick failed: %s", outcome.message, extra={"trigger": entry.key})
        self._book.touch(entry)


def make_call(
    entry: entries.Entry, instant: datetime.datetime, timeout_seconds: float
) -> calls.Call:
    """What the function gets: no body, the trigger's name, and which tick it is."""
    spec = entry.trigger.spec
    moment = clocks.format_rfc3339(instant)
    return calls.Call(
        namespace=entry.trigger.metadata.namespace,
        function=spec.function_ref,
        method=timetrigger_defaults.method(spec),
        sub_path=timetrigger_defaults.sub_path(spec),
        headers=(
            (invocation.TIMER_NAME, entry.trigger.metadata.name),
            (invocation.TIMER_SCHEDULED_AT, moment),
        ),
        request_id=f"{entry.uid}-{int(instant.timestamp())}",
        timeout_seconds=timeout_seconds,
        max_answer_bytes=MAX_ANSWER_BYTES,
    )
