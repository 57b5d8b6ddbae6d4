"""Request ids of the data plane: the client's where it is fit to be passed on, else a new one.

New ones look like random UUIDs. They must be unique, not secret, so randomness is drawn for many at
once and the last twelve digits count on from a random start.
"""

from __future__ import annotations

import os
import re
from typing import Final

_FIT: Final = re.compile(rb"[\x20-\x7e]{1,192}\Z")
_BATCH: Final = 4096


class Source:
    """Makes ids."""

    __slots__ = ("_end", "_next", "_prefix")

    def __init__(self) -> None:
        self._prefix = b""
        self._next = self._end = 0

    def make(self) -> bytes:
        """A fresh id in the form of a UUID, version 4."""
        number = self._next
        if number == self._end:
            drawn = os.urandom(16).hex()
            prefix = f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-a{drawn[17:20]}-"
            self._prefix = prefix.encode()
            number = int(drawn[20:], 16) % ((1 << 48) - _BATCH)
            self._end = number + _BATCH
        self._next = number + 1
        return b"%b%012x" % (self._prefix, number)

    def accept(self, received: bytes | None) -> bytes:
        """The id that a client sent, when it is printable and at most 192 bytes."""
        return received if received and _FIT.match(received) else self.make()
