"""Failures of reaching an API server at all; its answers are errors of ``meta.status``."""

from __future__ import annotations

from fission.base import errors


class Unreachable(errors.Error):
    """No answer came: refused, lost on the way, or too late. The call may be tried again."""

    reason = "Unreachable"
    retryable = True

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused
        """True when nothing was sent, so that repeating even a write is safe."""


class NoCluster(errors.Error):
    """No way to a cluster is configured; the message says where was looked."""

    reason = "NoCluster"


class BadCredentials(errors.Error):
    """The credentials found cannot be used; the message names the file or the plugin."""

    reason = "BadCredentials"
