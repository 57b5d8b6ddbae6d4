"""Who may wait for a pod, how many pods are asked for, and what an answer changes. Pure.

The rules, in the order in which a request without a slot meets them:

===============================  ==============================================================
the line is as long as it may be  429
no more pods may be had, and      429: at its limit a function refuses what would only wait
those there are will not do soon
otherwise                         wait in line, within the function's timeout
===============================  ==============================================================

A pod is asked for when those there are will not be free sooner than a new one could be there, or
than one may be made to wait (`BEARABLE_SECONDS`): one for every `requestsPerPod` requests in line.
A line that is short but does not end (`LASTING_SECONDS`) gets one more pod at a time.
"No more" from the executor is believed for `FULL_SECONDS`; then a single call finds out whether
that still holds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from fission.router import slots

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL_SECONDS: Final = 1.0
"""How long a "no more pods" of the executor is believed."""

BEARABLE_SECONDS: Final = 0.1
"""Whoever waits longer gets a pod, if there may be one more, even if it comes too late for him."""

LASTING_SECONDS: Final = 1.0
"""A line for so long is no burst: the pods are too few. Ten times what a start takes, so that a
moment's line costs none."""

LASTING_WAIT_SECONDS: Final = 0.025
"""A shorter wait is no reason, however long the line lasts: clients that call without a pause would
otherwise make a pod each, and a function is not faster for having more pods than processors."""

UNHELPFUL_SECONDS: Final = 0.1
"""Pause after an answer that names a pod which is full already: the executor has yet to see it."""

SHOWN_SECONDS: Final = 3.0
"""How long the pods of a Service that is ready may take to be shown by a slice."""


def refusal(own: slots.Slots, now: float, max_queued: int) -> str:
    """Why a request may not wait; empty when it may."""
    if len(own.waiting) >= max_queued:
        return f"{max_queued} requests wait already"
    if now < own.full_until and expected_wait_seconds(own) > own.cold_start_seconds:
        return "the function runs as many pods as it may"
    return ""


def expected_wait_seconds(own: slots.Slots) -> float:
    """How long the last in line waits for the endpoints that there are."""
    room = own.ready_count * own.limit
    if not room:
        return math.inf
    return own.service_seconds * len(own.waiting) / room


def asks_due(own: slots.Slots, now: float, max_asking: int) -> int:
    """How many more pods the executor should be asked for at this moment.

    The estimate of the wait is not trusted when the first in line has waited longer than a cold
    start takes: then what runs is slower than before.
    """
    if own.asking >= max_asking or now < own.ask_not_before:
        return 0
    if not own.waiting:
        return 0
    if own.serving_count and now < own.full_until:
        return 0
    if own.ready_count:
        waited = now - next(iter(own.waiting)).since
        bearable = min(own.cold_start_seconds, BEARABLE_SECONDS)
        wait = max(expected_wait_seconds(own), waited)
        if wait < bearable:
            lasting = now - own.line_since >= LASTING_SECONDS
            return int(lasting and wait >= LASTING_WAIT_SECONDS and not own.asking)
    per_pod = max(min(own.limit, float(len(own.waiting))), 1.0)
    needed = 1 if own.full else math.ceil(len(own.waiting) / per_pod)
    return max(0, min(needed, max_asking) - own.asking)


def given(own: slots.Slots, address: slots.Address, now: float, took: float) -> slots.Endpoint:
    """The executor named a pod; those in line are served. `took` seconds after it was asked."""
    _had_answer(own, took)
    own.line_since = now
    endpoint = own.provide(address, now)
    if own.executor_type == slots.POOLED:
        endpoint.untaps_owed += 1
    own.wake(now)
    if own.waiting and endpoint.in_flight >= own.limit:
        own.ask_not_before = now + UNHELPFUL_SECONDS  # it was known, and is full
    return endpoint


def ready(own: slots.Slots, now: float, took: float) -> bool:
    """The executor says that the Service is ready; whether a pod of it is known here already.

    If not, a slice will show one in a moment, and until then asking again is of no use.
    """
    _had_answer(own, took)
    if not own.ready_count:
        own.rested()
    own.wake(now)
    if own.ready_count:
        return True
    own.ask_not_before = now + SHOWN_SECONDS
    return False


def denied(own: slots.Slots, now: float, *, exhausted: bool) -> Iterator[slots.Waiter]:
    """The executor gave none; who in line is told so. `exhausted`: the function is at its limit.

    At the limit the newest goes, and of the rest those that would wait long. A pod that could not
    be made is the end for everybody if nothing else may serve them, else for nobody.
    """
    if exhausted or own.serving_count:
        own.full = exhausted
        own.full_until = now + FULL_SECONDS
    if exhausted:
        if own.waiting:
            yield own.waiting.popitem(last=True)[0]
        while len(own.waiting) > 1 and own.ready_count:
            if expected_wait_seconds(own) <= own.cold_start_seconds:
                return
            yield own.waiting.popitem(last=True)[0]
    elif own.previous is not None and own.previous.ready_count:
        own.ask_not_before = now + FULL_SECONDS
    elif not own.serving_count:
        alone = not own.asking
        while own.waiting:
            yield own.waiting.popitem(last=False)[0]
            if not alone:
                return


def _had_answer(own: slots.Slots, took: float) -> None:
    own.cold_start_seconds += 0.3 * (took - own.cold_start_seconds)
    own.full = False
    own.full_until = 0.0
