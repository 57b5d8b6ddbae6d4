"""What can go wrong between two ends of a connection."""

from __future__ import annotations


class HttpError(Exception):
    """Root of this package's failures."""


class ConnectError(HttpError):
    """No connection came about; `refused` when nobody listens there. Nothing was sent."""

    def __init__(self, message: str, *, refused: bool) -> None:
        super().__init__(message)
        self.refused = refused


class RequestTimeout(HttpError):
    """The deadline of the request passed."""


class ProtocolError(HttpError):
    """The peer sent something that is not valid HTTP/1.1."""


class ConnectionLost(HttpError):
    """The peer closed before the message was complete; `answered` when part of it had arrived."""

    def __init__(self, message: str, *, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


class BodyTooLarge(HttpError):
    """A body exceeds the limit that its reader set."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"body larger than {limit_bytes} bytes")
        self.limit_bytes = limit_bytes
