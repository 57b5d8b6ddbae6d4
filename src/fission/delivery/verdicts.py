"""What an answer of the router means for an event. Pure.

The router says with ``X-Fission-Component`` that an answer is the platform's and not the
function's, and in the body why. From that follows whether the function has seen the call.
"""

from __future__ import annotations

import dataclasses
import email.utils
import enum
import math
import typing

from fission.contracts import invocation

if typing.TYPE_CHECKING:
    from collections.abc import Container

    from fission_http import headers as header_lists

MAX_TEXT_CHARS: typing.Final = 300


class Verdict(enum.Enum):
    """What became of one attempt."""

    DELIVERED = "delivered"
    FUNCTION_ERROR = "function_error"
    """The function has run and answered with an error."""
    NOT_DELIVERED = "not_delivered"
    """The function has not seen it; it may the next time."""
    UNKNOWN = "unknown"
    """Sent, and lost on the way there or back: the function may have run."""
    IMPOSSIBLE = "impossible"
    """The function has not seen it, and never will."""


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: header_lists.Headers
    body: bytes
    is_cut_off: bool = False
    """The body was longer than asked for, and is not here."""


SUCCESSES: typing.Final = range(200, 400)
_MAYBE_RUN: typing.Final = frozenset(
    {
        invocation.FUNCTION_TIMEOUT,
        invocation.STREAM_IDLE,
        invocation.STREAM_MAX_DURATION,
        invocation.FUNCTION_ERROR,
        invocation.CLIENT_DISCONNECT,
    }
)
_HOPELESS: typing.Final = frozenset({400, 405, 413, 414, 431, 501})


def judge(answer: Answer, accepted: Container[int] = SUCCESSES) -> Verdict:
    """What an answer means; ``accepted`` are the function's statuses that count as delivered."""
    if answer.headers.get(invocation.ROUTE_MISS):
        return Verdict.NOT_DELIVERED
    if not answer.headers.get(invocation.COMPONENT):
        return Verdict.DELIVERED if answer.status in accepted else Verdict.FUNCTION_ERROR
    if answer.status in _HOPELESS:
        return Verdict.IMPOSSIBLE
    error = invocation.decode_error(answer.body)
    if error is None:
        # Without a reason: what takes long may have run.
        return Verdict.UNKNOWN if answer.status == 504 else Verdict.NOT_DELIVERED
    return Verdict.UNKNOWN if error.reason in _MAYBE_RUN else Verdict.NOT_DELIVERED


def describe(answer: Answer) -> str:
    """One line on an answer that is no success."""
    if answer.headers.get(invocation.ROUTE_MISS):
        return "404: the router knows no such function"
    component = answer.headers.get(invocation.COMPONENT)
    error = invocation.decode_error(answer.body) if component else None
    if error is not None:
        detail = f": {error.message}" if error.message else ""
        return f"{answer.status} from {error.component}: {error.reason}{detail}"[:MAX_TEXT_CHARS]
    text = " ".join(answer.body[: 4 * MAX_TEXT_CHARS].decode("utf-8", "replace").split())
    return f"{answer.status} from {component or 'function'}: {text or 'no text'}"[:MAX_TEXT_CHARS]


def retry_after_seconds(answer: Answer, now: float) -> float:
    """What ``Retry-After`` asks for, in seconds or as a date; 0 without one."""
    text = (answer.headers.get("Retry-After") or "").strip()
    if not text:
        return 0.0
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return max(0.0, moment - now) if math.isfinite(moment) else 0.0
