"""Failures that end a command with a message for the person at the terminal.

A message has up to three parts: what went wrong, why, and what to do about it.
"""

from typing import Final

from fission.base import errors

NAMESPACE_HINT: Final = "make it with: kubectl create namespace"
"""What would help where a namespace is missing; its name follows."""


class CliError(errors.Error):
    """The command cannot do what was asked."""

    reason = "CommandFailed"

    def __init__(self, what: str, why: str = "", remedy: str = "") -> None:
        """``what`` is one line; ``why`` and ``remedy`` stand below it, indented."""
        super().__init__(what)
        self.why = why
        self.remedy = remedy


class UsageError(CliError):
    """The flags make no sense together; the command's usage is shown above the message."""

    reason = "Usage"


class CallFailed(CliError):
    """A function's call failed; what is to be said of it was shown, and usage would not help."""

    reason = "CallFailed"


class BuildFailed(CliError):
    """A package's build failed; its log was shown, and usage would not help."""

    reason = "BuildFailed"


class Unreachable(CliError):
    """No answer came: refused, lost on the way, or too late. The call may be tried again."""

    reason = "Unreachable"
    retryable = True
