"""What a call to statestore may fail with: a type for each thing that a caller does about it."""

from __future__ import annotations

from typing import Final

from fission.base import errors
from fission.contracts import statestore as wire


class StatestoreError(errors.Error):
    """A call failed; of itself: inside statestore, which logged it."""

    reason = "StatestoreFailed"
    retryable = True


class Unreachable(StatestoreError):
    """Nobody serves, or the connection broke; ``maybe_done`` when the call had been sent."""

    reason = "StatestoreUnreachable"

    def __init__(self, message: str, *, maybe_done: bool = False) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class Refused(StatestoreError):
    """The call is not signed with the secret that statestore has."""

    reason = "StatestoreRefused"
    retryable = False


class Rejected(StatestoreError):
    """The call itself is wrong; the message says what."""

    reason = "BadRequest"
    retryable = False


class NotFound(StatestoreError):
    """The key is not there."""

    reason = "NotFound"
    retryable = False


class VersionConflict(StatestoreError):
    """Another writer came first; ``head`` is that of the stream."""

    reason = "VersionConflict"
    retryable = False

    def __init__(self, message: str, head: int = 0) -> None:
        super().__init__(message)
        self.head = head


class QuotaExceeded(StatestoreError):
    """It is full; the message says what, and what helps."""

    reason = "QuotaExceeded"


class InvalidReceipt(StatestoreError):
    """The lease ended and the message belongs to somebody else, or is settled."""

    reason = "InvalidReceipt"
    retryable = False


def error_of(body: wire.ErrorBody, status: int) -> StatestoreError:
    """The error that an answer tells of."""
    message = body.message or body.code or f"status {status}"
    if body.code == wire.VERSION_CONFLICT:
        return VersionConflict(message, body.head)
    kind = _KINDS.get(body.code)
    return StatestoreError(f"statestore: {message}") if kind is None else kind(message)


_KINDS: Final[dict[str, type[StatestoreError]]] = {
    wire.NOT_FOUND: NotFound,
    wire.QUOTA_EXCEEDED: QuotaExceeded,
    wire.INVALID_RECEIPT: InvalidReceipt,
    wire.BAD_REQUEST: Rejected,
    wire.CAPABILITY_UNAVAILABLE: Rejected,
    wire.CLOSED: Unreachable,
}
