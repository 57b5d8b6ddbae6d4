"""Retry delays as a sequence: the caller decides what to wait for and when to give up."""

from __future__ import annotations

from collections.abc import Callable, Iterator


def delays(
    first_seconds: float,
    *,
    factor: float = 2.0,
    cap_seconds: float,
    jitter: float = 0.0,
    draw: Callable[[], float] = lambda: 0.0,
) -> Iterator[float]:
    """Yield ``first, first*factor, …`` up to the cap, for ever.

    ``jitter`` is the largest share added on top of a delay (0.2 = up to 20 %); ``draw`` returns a
    number in [0, 1) that decides how much of it (``random.random`` in production).
    """
    delay = first_seconds
    while True:
        bounded = min(delay, cap_seconds)
        yield bounded * (1.0 + jitter * draw())
        if delay < cap_seconds:
            delay *= factor
