"""What a caller of the store treats differently."""

from __future__ import annotations

from fission.base import errors


class StoreError(errors.Error):
    """The store cannot do what was asked."""

    reason = "StoreError"


class StoreLocked(StoreError):
    """Another process has this store open."""

    reason = "StoreLocked"


class StoreClosed(StoreError):
    """The store is closing; nothing more is written."""

    reason = "StoreClosed"
    retryable = True


class WriteFailed(StoreError):
    """The log refused a commit (disk full, I/O error); nothing of the group was written."""

    reason = "WriteFailed"
    retryable = True


class Compacted(StoreError):
    """The revision asked for is older than what the log remembers: list again."""

    reason = "Compacted"

    def __init__(self, revision: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {revision} ({oldest})")
        self.revision = revision
        self.oldest = oldest


class FutureRevision(StoreError):
    """The revision asked for has not happened yet."""

    reason = "FutureRevision"

    def __init__(self, revision: int, current: int) -> None:
        super().__init__(f"Too large resource version: {revision}, current: {current}")
        self.revision = revision
        self.current = current


class Overrun(StoreError):
    """A watcher fell too far behind and was cut off: list again."""

    reason = "Overrun"
