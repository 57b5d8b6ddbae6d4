"""Failures that callers treat differently; ``handlers`` gives each its status code."""

from __future__ import annotations

from typing import ClassVar

from fission.base import errors


class ExecutorError(errors.Error):
    """No address could be given; the message says why, for the function's owner."""

    reason: ClassVar[str] = "ExecutorError"


class UnsupportedExecutorType(ExecutorError):
    """The function asks for an executor that this release does not have."""

    reason = "UnsupportedExecutorType"


class MissingObject(ExecutorError):
    """The function, or something that it refers to, does not exist."""

    reason = "NotFound"


class EnvironmentNotFound(MissingObject):
    """The function's environment does not exist."""

    reason = "EnvironmentNotFound"


class PackageNotFound(MissingObject):
    """The function's package does not exist."""

    reason = "PackageNotFound"


class SettingsNotFound(MissingObject):
    """A Secret or ConfigMap of the function does not exist."""

    reason = "SettingsNotFound"


class ForeignReference(ExecutorError):
    """The function names something of another namespace."""

    reason = "ForeignReference"


class PackageNotReady(ExecutorError):
    """The package holds nothing that can be loaded (yet)."""

    reason = "PackageNotReady"


class ConcurrencyExceeded(ExecutorError):
    """The function has as many pods, or as many requests in line, as it may."""

    reason = "TooManyRequests"
    retryable = True


class NoPod(ExecutorError):
    """The pool gave no pod in time; the message says what its pods wait for."""

    reason = "NoPod"
    retryable = True


class SpecializationFailed(ExecutorError):
    """The function could not be loaded; ``final`` when its own code or archive is at fault."""

    reason = "SpecializationFailed"

    def __init__(self, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.final = final


class PodLost(ExecutorError):
    """The pod chosen went away or belongs to somebody else: another one will do."""

    reason = "PodLost"
    retryable = True


class InvalidPodSpec(ExecutorError):
    """What the Environment and the Function ask for does not make a pod."""

    reason = "InvalidPodSpec"


class NotLeader(ExecutorError):
    """Another executor is the one that acts."""

    reason = "NotLeader"
    retryable = True
