"""Files that are read again and again: opened once, as long as descriptors allow it."""

from __future__ import annotations

import os
import resource

KEPT_SHARE = 4
"""One in so many of the descriptors that this process may open."""
READ_BYTES = 4096
SHARED_PASS_SECONDS = 0.01
"""So much of one pass goes to looking again; what is left over comes in the next one."""


class Budget:
    """What may still be spent: descriptors that are kept, and time of this pass."""

    def __init__(self, left: int | None = None) -> None:
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self.left = soft // KEPT_SHARE if left is None else left
        self.seconds = SHARED_PASS_SECONDS


class KeptFile:
    """A file of /proc or of a control group: open as long as the budget allows it."""

    def __init__(self, path: str, budget: Budget) -> None:
        self._path = path
        self._budget = budget
        self._fd: int | None = None

    def read(self) -> bytes:
        """The content as it is now; OSError when what it is about is gone."""
        if self._fd is None:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            if self._budget.left <= 0:
                try:
                    return os.read(fd, READ_BYTES)
                finally:
                    os.close(fd)
            self._budget.left -= 1
            self._fd = fd
        return os.pread(self._fd, READ_BYTES, 0)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
            self._budget.left += 1
