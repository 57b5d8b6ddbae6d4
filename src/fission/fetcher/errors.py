"""Failures that callers treat differently; ``handlers`` gives each its status code."""

from __future__ import annotations

from typing import ClassVar

from fission.base import errors


class FetcherError(errors.Error):
    """Something on our side or beyond it failed; the same call may succeed later."""

    reason: ClassVar[str] = "FetcherError"
    retryable: ClassVar[bool] = True


class BadRequest(FetcherError):
    """The request, or the archive it leads to, cannot be used."""

    reason = "BadRequest"
    retryable = False


class NotFound(FetcherError):
    """Something that the request names does not exist."""

    reason = "NotFound"
    retryable = False


class Claimed(FetcherError):
    """The pod belongs to another function, for good."""

    reason = "Claimed"
    retryable = False


class NoSpace(FetcherError):
    """The volume is full."""

    reason = "NoSpace"


class PodGone(FetcherError):
    """The pod is being taken away while something is done for it."""

    reason = "PodGone"


class StartupFailed(FetcherError):
    """The pod could not be specialized before it was to become ready; says why, with the cause."""

    reason = "StartupFailed"
    retryable = False


class RuntimeRefused(FetcherError):
    """The runtime answered the load request with an error, which is passed on as it is."""

    reason = "SpecializationFailed"
    retryable = False

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.status = status
