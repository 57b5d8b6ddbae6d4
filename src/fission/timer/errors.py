"""What this component raises."""

from __future__ import annotations

from fission.base import errors


class NotLeader(errors.Error):
    """Another timer may act; this one must not write or call."""

    reason = "NotLeader"
    retryable = True
