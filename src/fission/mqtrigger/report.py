"""What reading tells of itself, to whoever keeps records, metrics and conditions."""

from __future__ import annotations

from typing import Protocol


class Report(Protocol):
    """Of one trigger. Plain calls, quick: they are on the way of every message."""

    def delivered(self) -> None:
        """The function, and the response topic, accepted a message."""

    def attempt_failed(self, cause: str) -> None:
        """The function failed on a message, which is tried again."""

    def poisoned(self, position: str, attempts: int, cause: str) -> None:
        """A message was given up, and lies in the error topic."""

    def dropped(self, position: str, attempts: int, cause: str) -> None:
        """A message was given up, and there is no error topic that takes it."""

    def duplicated(self, position: str, cause: str) -> None:
        """A message was done, but the broker will deliver it again."""

    def waiting(self, reason: str, cause: str) -> None:
        """Nothing goes on until something else comes back: function, router, response topic."""

    def going_on(self) -> None:
        """It came back."""

    def lag(self, messages: int | None) -> None:
        """How many messages wait; None where nobody knows."""

    def in_process(self, calls: int) -> None:
        """How many calls run."""
