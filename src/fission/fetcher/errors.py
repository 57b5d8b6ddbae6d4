"""Failures by the status code that the caller gets; the message is the text of the answer."""

from __future__ import annotations

from typing import ClassVar

from fission.base import errors


class FetcherError(errors.Error):
    """Something on our side or beyond it failed; the same call may succeed later."""

    code: ClassVar[int] = 500


class BadRequest(FetcherError):
    """The request, or the archive it leads to, cannot be used."""

    reason = "BadRequest"
    code = 400


class NotFound(FetcherError):
    """Something that the request names does not exist."""

    reason = "NotFound"
    code = 404


class Claimed(FetcherError):
    """The pod belongs to another function, for good."""

    reason = "Claimed"
    code = 409


class NoSpace(FetcherError):
    """The volume is full."""

    reason = "NoSpace"
    code = 507


class RuntimeRefused(FetcherError):
    """The runtime answered the load request with an error, which is passed on as it is."""

    reason = "SpecializationFailed"

    def __init__(self, status: int, body: str) -> None:
        super().__init__(body)
        self.status = status
