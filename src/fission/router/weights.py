"""Weighted choice among functions. Pure: the random number comes in."""

from __future__ import annotations

import bisect
import itertools
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


class Weighted(Generic[T]):
    """Things with whole, positive weights."""

    __slots__ = ("_sums", "things")

    def __init__(self, pairs: Sequence[tuple[T, int]]) -> None:
        kept = [(thing, weight) for thing, weight in pairs if weight > 0]
        self.things = [thing for thing, _ in kept]
        self._sums = list(itertools.accumulate(weight for _, weight in kept))

    @property
    def total(self) -> int:
        """Sum of the weights; 0 when nothing can be picked."""
        return self._sums[-1] if self._sums else 0

    def pick(self, number: int) -> T:
        """The first thing whose sum exceeds `number`, which lies in [0, total)."""
        return self.things[bisect.bisect_right(self._sums, number)]
