"""The bodies of requests, kept for another attempt: small ones always, larger ones while memory
allows. Pure."""

from __future__ import annotations

from typing import Final

KEPT_BYTES: Final = 64 * 1024
"""Body kept for another attempt: what most requests need, little enough for thousands at once."""

LARGE_BYTES: Final = 1024 * 1024
"""Kept of a larger body: a pod that refuses does so at the head, long before that much is sent."""

LARGE_ONES: Final = 64
"""Larger bodies kept at once; the bound of the memory that they take."""


class Budget:
    """How many larger bodies are kept."""

    __slots__ = ("large",)

    def __init__(self) -> None:
        self.large = 0


class Body:
    """What came of a body so far, raw."""

    __slots__ = ("_budget", "_is_large", "_pieces", "is_lost", "size")

    def __init__(self, budget: Budget, pieces: list[bytes] | None = None) -> None:
        """`pieces` are a body that is there already, and stays whole however large it is."""
        self._budget = budget
        self._pieces = [] if pieces is None else pieces
        self._is_large = False
        self.size = 0
        """Bytes that were added."""
        self.is_lost = False
        """It is not kept any more."""

    def add(self, piece: bytes) -> None:
        """More of it came."""
        if not self.is_lost:
            self._pieces.append(piece)
            self.size += len(piece)

    def joined(self) -> bytes:
        """All of it, for the first attempt or the next."""
        return b"".join(self._pieces)

    def trim(self) -> None:
        """It was sent: keep it only within the bounds."""
        if self.size <= KEPT_BYTES or self.is_lost:
            return
        if not self._is_large and self._budget.large < LARGE_ONES:
            self._is_large = True
            self._budget.large += 1
        if not self._is_large or self.size > LARGE_BYTES:
            self.drop()

    def drop(self) -> None:
        """There will be no other attempt, or it would take too much."""
        self.is_lost = True
        self._pieces = []
        if self._is_large:
            self._is_large = False
            self._budget.large -= 1
