"""What a call may be refused for; each has the code that the wire gives it."""

from __future__ import annotations

from typing import ClassVar

from fission.base import errors
from fission.contracts import statestore as wire


class StateError(errors.Error):
    """Of itself: a fault in here."""

    code: ClassVar[str] = wire.INTERNAL


class VersionConflict(StateError):
    """Another writer came first. ``head``: of the stream that was to be appended to."""

    reason = "VersionConflict"
    code = wire.VERSION_CONFLICT

    def __init__(self, message: str, head: int = 0) -> None:
        super().__init__(message)
        self.head = head


class NotFound(StateError):
    reason = "NotFound"
    code = wire.NOT_FOUND


class QuotaExceeded(StateError):
    """Something is full; the message says what, how full, and what helps."""

    reason = "QuotaExceeded"
    retryable = True
    code = wire.QUOTA_EXCEEDED


class InvalidReceipt(StateError):
    reason = "InvalidReceipt"
    code = wire.INVALID_RECEIPT


class BadRequest(StateError):
    reason = "BadRequest"
    code = wire.BAD_REQUEST


class Closed(StateError):
    """The store is ending, or the disk failed under it."""

    reason = "Closed"
    retryable = True
    code = wire.CLOSED


class CannotOpen(errors.SettingsError):
    """The store's file cannot be used; the message says what to do."""


class StoreBroken(errors.Error):
    """The disk or the file failed while it was in use; only a new start can tell what is left."""

    reason = "StoreBroken"
