"""How often a message is tried, and when. Pure.

What an answer means is said by ``delivery.verdicts``. The function *accepted* the message: any 2xx.
It *failed* on it: its own error, a time-out, a pod that broke; an attempt is used up. Or the call
never got to it: no pod, no capacity, code that does not load, no router. That says nothing about
the message, which *waits*: no attempt is used up, and nothing else of the trigger has a better
chance.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Final

from fission.base import backoff
from fission.delivery import verdicts

FIRST_PAUSE_SECONDS: Final = 0.5
"""Upstream's pause of its built-in queue; from there it doubles."""
LONGEST_PAUSE_SECONDS: Final = 30.0
ACCEPTED: Final = range(200, 300)


class Next(enum.Enum):
    """What is done with a message after a call."""

    ACCEPT = "accept"
    RETRY = "retry"
    """While there are attempts left."""
    GIVE_UP = "give up"
    """Another attempt would get the same answer: the call itself is refused."""
    WAIT = "wait"


def judge(answer: verdicts.Answer) -> Next:
    """What follows from an answer."""
    match verdicts.judge(answer, ACCEPTED):
        case verdicts.Verdict.DELIVERED:
            return Next.ACCEPT
        case verdicts.Verdict.NOT_DELIVERED:
            return Next.WAIT
        case verdicts.Verdict.IMPOSSIBLE:
            return Next.GIVE_UP
        case verdicts.Verdict.FUNCTION_ERROR | verdicts.Verdict.UNKNOWN:
            return Next.RETRY


def budget(max_retries: int, deliveries: int) -> int:
    """How many attempts a delivery may make: what earlier ones left, and one at least.

    Where the broker counts, its deliveries stand for the attempts that a consumer made before it
    died. One that was handed back untouched counts there too: hence the one.
    """
    return max(1, max_retries + 1 - max(0, deliveries - 1))


def pauses() -> Iterator[float]:
    """Seconds between the attempts of one message."""
    return backoff.delays(FIRST_PAUSE_SECONDS, cap_seconds=LONGEST_PAUSE_SECONDS)
