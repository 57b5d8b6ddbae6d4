"""Go duration strings (``1m30s``, ``250ms``) ↔ seconds."""

import re
from typing import Final

from fission.base import errors

_UNITS: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


class DurationError(errors.Error):
    """The text is not a duration."""

    reason = "InvalidDuration"


def parse_seconds(text: str) -> float:
    """Seconds of a Go duration; raises DurationError with an example of a good one."""
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0.0
    total, position = 0.0, 0
    while position < len(rest):
        part = _PART.match(rest, position)
        if part is None:
            break
        total += float(part[1]) * _UNITS[part[2]]
        position = part.end()
    if not rest or position != len(rest):
        raise DurationError(f'invalid duration "{text}": want a number and a unit, as in "90s"')
    return -total if text[0] == "-" else total


def format_seconds(seconds: float) -> str:
    """The shortest Go spelling that whole units allow: 90 → ``1m30s``, 0.25 → ``250ms``."""
    if seconds < 0:
        return "-" + format_seconds(-seconds)
    if seconds == 0:
        return "0s"
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{rest:g}s"
    if hours:
        return f"{int(hours)}h{int(minutes)}m{text}"
    return f"{int(minutes)}m{text}" if minutes else text
