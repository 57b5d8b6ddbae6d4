"""Where what reading tells goes: delivery record, metrics, log, conditions. Of one trigger."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from fission.base import clock as clocks
from fission.delivery import records
from fission.mqtrigger import binding as bindings
from fission.mqtrigger import metrics, statuses

logger = logging.getLogger(__name__)

BETWEEN_LINES_SECONDS: Final = 30.0
"""Between two lines of log of the same sort: a function that fails on all fails fast."""


class Tracker:
    """A ``report.Report``."""

    def __init__(
        self,
        binding: bindings.Binding,
        counted: metrics.Metrics,
        kept: records.Records,
        conditions: statuses.Writer,
        clock: clocks.Clock,
        unready_after_seconds: float,
    ) -> None:
        labels = (binding.name, binding.namespace)
        self._binding = binding
        self._records = kept
        self._conditions = conditions
        self._clock = clock
        self._unready_after_seconds = unready_after_seconds
        self._delivered = counted.processed.labels(*labels, "delivered")
        self._poisoned = counted.processed.labels(*labels, "poisoned")
        self._dropped = counted.processed.labels(*labels, "dropped")
        self._duplicates = counted.duplicates.labels(*labels)
        self._lag = counted.lag.labels(*labels)
        self._in_process = counted.in_process.labels(*labels)
        self._waiting: statuses.Condition | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_told = False
        self._logged_at: dict[str, float] = {}
        self._unlogged: dict[str, int] = {}

    def delivered(self) -> None:
        self._delivered.inc()
        self._records.delivered(*self._binding.key)

    def attempt_failed(self, cause: str) -> None:
        self._records.attempt_failed(*self._binding.key, cause)
        self._log("attempt", "attempt failed: %s", cause)

    def poisoned(self, position: str, attempts: int, cause: str) -> None:
        self._poisoned.inc()
        text = f"message {position} went to the error topic after {attempts} attempts: {cause}"
        self._records.failed(*self._binding.key, text)
        self._log("poisoned", "%s", text)

    def dropped(self, position: str, attempts: int, cause: str) -> None:
        self._dropped.inc()
        text = f"message {position} was dropped after {attempts} attempts: {cause}"
        self._records.failed(*self._binding.key, text)
        if self._log("dropped", "%s", text):
            self._conditions.event("MessageDropped", text)

    def duplicated(self, position: str, cause: str) -> None:
        self._duplicates.inc()
        self._log("duplicate", "message %s will be delivered again: %s", position, cause)

    def waiting(self, reason: str, cause: str) -> None:
        known, self._waiting = self._waiting, statuses.Condition(reason, cause, is_subscribed=True)
        if self._is_told and known is not None and known.reason != reason:
            self._conditions.set(self._waiting)
        if self._timer is None and not self._is_told:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._unready_after_seconds, self._tell)

    def going_on(self) -> None:
        if self._waiting is None:
            return
        self._waiting = None
        self._cancel()
        if self._is_told:
            self._is_told = False
            self._conditions.set(statuses.WORKS)

    def lag(self, messages: int | None) -> None:
        if messages is not None:
            self._lag.set(messages)
            self._records.lag(*self._binding.key, messages)

    def in_process(self, calls: int) -> None:
        self._in_process.set(calls)

    def close(self) -> None:
        """Nothing is told any more."""
        self._cancel()

    def _tell(self) -> None:
        self._timer = None
        if self._waiting is not None:
            self._is_told = True
            self._conditions.set(self._waiting)
            self._log("waiting", "nothing is delivered: %s", self._waiting.message)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _log(self, sort: str, text: str, *values: object) -> bool:
        now = self._clock.monotonic()
        at = self._logged_at.get(sort)
        if at is not None and now - at < BETWEEN_LINES_SECONDS:
            self._unlogged[sort] = self._unlogged.get(sort, 0) + 1
            return False
        self._logged_at[sort] = now
        fields: dict[str, Any] = {"trigger": "/".join(self._binding.key)}
        if others := self._unlogged.pop(sort, 0):
            fields["others_since"] = others
        logger.warning(text, *values, extra=fields)
        return True
