"""Time as an argument: a protocol, the system's clock, and one that tests turn by hand."""

from __future__ import annotations

import datetime
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for waits."""

    def now(self) -> datetime.datetime:
        """Return the wall time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean something."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is advanced."""

    def __init__(
        self, start: datetime.datetime = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    ) -> None:
        self._start = start
        self._elapsed_seconds = 0.0

    def now(self) -> datetime.datetime:
        return self._start + datetime.timedelta(seconds=self._elapsed_seconds)

    def monotonic(self) -> float:
        return self._elapsed_seconds

    def advance(self, seconds: float) -> None:
        """Move both times forward."""
        self._elapsed_seconds += seconds


def format_rfc3339(moment: datetime.datetime) -> str:
    """Return Kubernetes' ``Time`` form: whole seconds, ``Z``."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_rfc3339_micro(moment: datetime.datetime) -> str:
    """Return Kubernetes' ``MicroTime`` form: six digits of fraction, ``Z``."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> datetime.datetime:
    """Read either form back; raises ValueError for anything else."""
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment.astimezone(datetime.UTC)
