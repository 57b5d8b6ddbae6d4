"""Lines of several logs: taken from streams of bytes, put in order of time, named, coloured. Pure.

Streams are asked for with timestamps: a line is ``2026-01-01T00:00:00.000000000Z text``. Times of
one cluster have one form, so they are compared as they are.
"""

import heapq
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

HOLD_SECONDS: Final = 0.25
"""How long a line of one of several streams waits for earlier ones: longer than they lag."""

_COLOURS: Final = tuple(f"\x1b[{code}m" for code in (36, 35, 32, 33, 34, 96, 95, 92, 93, 94))
_RESET: Final = "\x1b[0m"


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """One line of one source."""

    stamp: str
    source: str = field(compare=False)
    text: bytes = field(compare=False)
    """Without its end."""


class Reader:
    """Whole lines out of the bytes of one source."""

    def __init__(self, source: str, after: str = "") -> None:
        """``after``: lines up to that time are known and left out."""
        self.source = source
        self.last = after
        self._after = after
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Line]:
        """The lines that are complete with these bytes."""
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        return self._lines(whole)

    def flush(self) -> list[Line]:
        """A line that was never ended."""
        rest, self._rest = self._rest, b""
        return self._lines([rest] if rest else [])

    def _lines(self, raw: Iterable[bytes]) -> list[Line]:
        lines = []
        for each in raw:
            stamp, _, text = each.partition(b" ")
            when = stamp.decode("ascii", "replace")
            if not when[:1].isdigit():  # what an API server says beside the log
                when, text = self.last, each
            if self._after and when <= self._after:
                continue
            self.last = when
            lines.append(Line(when, self.source, text))
        return lines


def merged(streams: Iterable[Sequence[Line]]) -> list[Line]:
    """Lines of several sources by time; those of one source stay in their order."""
    return list(heapq.merge(*streams))


class Mixer:
    """Lines of sources that go on, in order of time as far as a short wait can tell."""

    def __init__(self, hold_seconds: float = HOLD_SECONDS) -> None:
        self._hold_seconds = hold_seconds
        self._arrivals: deque[tuple[float, str]] = deque()
        self._lines: list[tuple[str, int, Line]] = []
        self._count = 0

    def add(self, line: Line, now: float) -> None:
        """A line came."""
        self._count += 1
        self._arrivals.append((now + self._hold_seconds, line.stamp))
        heapq.heappush(self._lines, (line.stamp, self._count, line))

    def due(self, now: float) -> list[Line]:
        """What has waited long enough, and what is older than that."""
        mark = ""
        while self._arrivals and self._arrivals[0][0] <= now:
            mark = max(mark, self._arrivals.popleft()[1])
        lines = []
        while self._lines and self._lines[0][0] <= mark:
            lines.append(heapq.heappop(self._lines)[2])
        return lines

    def rest(self) -> list[Line]:
        """Everything that is left."""
        lines = [line for *_, line in sorted(self._lines, key=lambda each: each[:2])]
        self._arrivals.clear()
        self._lines.clear()
        return lines

    @property
    def next_due(self) -> float | None:
        """When there is something to print; None while nothing waits."""
        return self._arrivals[0][0] if self._arrivals else None


class Names:
    """What stands before a line: its source in brackets, as soon as there are several."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours
        self._seen: dict[str, bytes] = {}

    def meet(self, source: str) -> None:
        """A source that there is."""
        if source not in self._seen:
            name = f"[{source}]"
            if self._colours:
                name = f"{_COLOURS[len(self._seen) % len(_COLOURS)]}{name}{_RESET}"
            self._seen[source] = f"{name} ".encode()

    def format(self, line: Line) -> bytes:
        """The line as it is printed."""
        self.meet(line.source)
        prefix = self._seen[line.source] if len(self._seen) > 1 else b""
        return prefix + line.text + b"\n"
