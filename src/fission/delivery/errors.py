"""Why an event did not come to its function, where no function answered."""

from __future__ import annotations

from fission.base import errors


class Unreachable(errors.Error):
    """The router gave no whole answer: nobody there, the connection lost, or too late."""

    reason = "RouterUnreachable"
    retryable = True

    def __init__(self, message: str, *, maybe_delivered: bool) -> None:
        super().__init__(message)
        self.maybe_delivered = maybe_delivered
        """False when nothing was sent: then the function certainly has not seen the call."""


class BadCall(errors.Error):
    """The trigger names no function that could be called."""

    reason = "BadCall"
