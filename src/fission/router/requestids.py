"""Request ids of the data plane: the client's where it is fit to be passed on, else a new one."""

from __future__ import annotations

import os
import re
from typing import Final

_FIT: Final = re.compile(rb"[\x20-\x7e]{1,192}\Z")
_BATCH: Final = 256


class Source:
    """Makes random UUIDs from randomness fetched in batches: one system call for many ids."""

    __slots__ = ("_at", "_digits")

    def __init__(self) -> None:
        self._digits = ""
        self._at = 0

    def make(self) -> bytes:
        """A fresh UUID, version 4."""
        at = self._at
        if at >= len(self._digits):
            self._digits = os.urandom(16 * _BATCH).hex()
            at = 0
        self._at = at + 32
        d = self._digits[at : at + 32]
        return f"{d[:8]}-{d[8:12]}-4{d[13:16]}-a{d[17:20]}-{d[20:]}".encode()

    def accept(self, received: bytes | None) -> bytes:
        """The id that a client sent, when it is printable and at most 192 bytes."""
        return received if received and _FIT.match(received) else self.make()
