"""How a build can fail: by the source, which stays so, or by the platform, which passes."""

from __future__ import annotations

from typing import ClassVar

from fission.base import errors


class SourceFailed(errors.Error):
    """The package cannot be built as it is; ``reason`` goes into its conditions."""

    reason: ClassVar[str] = "BuildFailed"

    def __init__(self, message: str, reason: str = "BuildFailed") -> None:
        super().__init__(message)
        self.condition = reason


class PlatformFailed(errors.Error):
    """Something between here and the builder broke off; the same build may succeed later."""

    reason = "PlatformFailed"
    retryable = True


class Superseded(errors.Error):
    """The package is another by now, or gone: what was built is of no use."""

    reason = "Superseded"
