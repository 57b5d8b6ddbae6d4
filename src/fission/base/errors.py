"""The root of every error that this project raises on purpose.

An error carries a CamelCase ``reason`` for programs, a message for a person, and whether the same
call may succeed later. Storeys above add their own subclasses where a caller treats them
differently; ``fission.web`` alone turns errors into HTTP codes.
"""

from __future__ import annotations

from typing import ClassVar


class Error(Exception):
    """A failure with a reason a program can read and a message a person can act on."""

    reason: ClassVar[str] = "InternalError"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class InvalidInput(Error):
    """What was handed in cannot be used; the message names the part and the remedy."""

    reason = "InvalidInput"


class SettingsError(Error):
    """A setting is missing, unknown or has a bad value; the message names the variable."""

    reason = "InvalidSetting"


class DeadlineExceeded(Error):
    """A wait ended at its deadline."""

    reason = "DeadlineExceeded"
    retryable = True
