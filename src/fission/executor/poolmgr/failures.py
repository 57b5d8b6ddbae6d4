"""Functions that do not load: told again at once, tried again later. Pure.

A function that failed is not tried for a while: every try wears out a pod that another function
could have had. What it is answered meanwhile is what the last try said. The pause doubles with each
failure that is the function's own, and ends at once when anything changes that could make a
difference: the ``Mark``.
"""

from __future__ import annotations

import collections
from dataclasses import dataclass
from typing import Final

from fission.executor import errors

FIRST_PAUSE_SECONDS: Final = 1.0
"""Somebody who tries again by hand sees a real try."""
LARGEST_PAUSE_SECONDS: Final = 30.0
"""What a function waits for, a database say, may come back without anybody changing the
function."""
MAX_REMEMBERED: Final = 4096
"""Functions; of more, those that failed longest ago are tried at once."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a function was when it failed; another mark is another chance."""

    generation: int
    package: str
    settings: str
    runtime: str


@dataclass(slots=True)
class _Failure:
    mark: Mark
    message: str
    final: bool
    count: int
    until: float


class Failures:
    """The last failure of each function."""

    def __init__(self) -> None:
        self._failures: collections.OrderedDict[str, _Failure] = collections.OrderedDict()

    def __len__(self) -> int:
        return len(self._failures)

    def failed(self, uid: str, mark: Mark, error: errors.SpecializationFailed, now: float) -> None:
        """A try ended badly. Several that ran at once are one failure."""
        known = self._failures.pop(uid, None)
        count = 1
        if known is not None and known.mark == mark:
            count = known.count if known.until > now else known.count + 1
        pause = FIRST_PAUSE_SECONDS
        if error.final:
            pause = min(FIRST_PAUSE_SECONDS * 2.0 ** min(count - 1, 16), LARGEST_PAUSE_SECONDS)
        until = max(now + pause, known.until if known is not None and known.mark == mark else 0.0)
        self._failures[uid] = _Failure(mark, error.message, error.final, count, until)
        while len(self._failures) > MAX_REMEMBERED:
            self._failures.popitem(last=False)

    def worked(self, uid: str) -> None:
        """A try ended well, or the function is gone."""
        self._failures.pop(uid, None)

    def current(self, uid: str, mark: Mark, now: float) -> errors.SpecializationFailed | None:
        """What to answer instead of trying; None when a try is due."""
        known = self._failures.get(uid)
        if known is None or known.mark != mark or known.until <= now:
            return None
        left = max(1, round(known.until - now))
        return errors.SpecializationFailed(
            f"{known.message}\n(the last try's answer; the next try is in {left} s, or as soon as "
            "the function, its package, its settings or its environment changes)",
            final=known.final,
        )
