"""What is new in a build's log, each time that its Package is seen. Pure.

A log grows at its end. Once it is too long its middle is replaced by a line that counts the bytes
left out, so the place where a reader stopped is found by counting. A log that does not continue
what was read is the log of another build.
"""

import dataclasses
import re
from typing import Final

_CUT: Final = re.compile(r"^\.\.\. (\d+) bytes left out \.\.\.\n", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class News:
    """What to show."""

    text: str
    is_another_build: bool = False
    """What was shown before belongs to a build that is over."""


@dataclasses.dataclass(frozen=True)
class _Parts:
    """A log around the line that says what is missing; all in bytes."""

    head: bytes
    left_out: int
    tail: bytes

    @property
    def total(self) -> int:
        """Length of the log before anything was left out."""
        return len(self.head) + self.left_out + len(self.tail)


class Reader:
    """Reads one Package's log."""

    def __init__(self) -> None:
        self._log = ""
        self._parts = _Parts(b"", 0, b"")

    def feed(self, log: str) -> News:
        """Return what is new in the log."""
        before, self._log = self._log, log
        read, self._parts = self._parts, _split(log)
        if log.startswith(before):
            return News(log[len(before) :])
        behind = _behind(read, self._parts)
        return News(log, is_another_build=True) if behind is None else News(behind)


def _split(log: str) -> _Parts:
    found = _CUT.search(log)
    if found is None:
        return _Parts(log.encode(), 0, b"")
    return _Parts(log[: found.start()].encode(), int(found[1]), log[found.end() :].encode())


def _behind(read: _Parts, parts: _Parts) -> str | None:
    """What follows the place where reading stopped; None when this is another build's log."""
    unread = parts.total - read.total
    common = min(len(read.head), len(parts.head))
    if not parts.left_out or unread < 0 or read.head[:common] != parts.head[:common]:
        return None
    if unread <= len(parts.tail):
        return parts.tail[len(parts.tail) - unread :].decode("utf-8", "replace")
    missed = unread - len(parts.tail)
    return f"... {missed} bytes left out ...\n{parts.tail.decode('utf-8', 'replace')}"
