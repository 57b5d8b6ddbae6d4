"""The reconcile loop: keys from a queue, one function, a policy for what goes wrong.

A conflict, or an object that came or went meanwhile, is ordinary: the key is tried again quietly,
after the watch has shown what changed. Any other failure is logged with its count and tried again
later each time. Terminal errors are the reconciler's business: it writes a condition and returns.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from fission.base import errors
from fission.kube import workqueue
from fission.meta import status

logger = logging.getLogger(__name__)

K = TypeVar("K")

DEADLINE_SECONDS = 60.0
"""How long one run may take; every call in it has a shorter deadline of its own."""
QUIET_FAILURES = (status.Conflict, status.AlreadyExists, status.NotFound)
QUIET_ATTEMPTS = 8
"""An ordinary race that lasts longer than this (~1.3 s) is worth a line in the log."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run asks for next."""

    requeue: bool = False
    """Again soon, with the growing delays of a failure (a conflict, usually)."""
    requeue_after_seconds: float | None = None
    """Again at a time known in advance, which is not a failure."""


DONE = Result()
AGAIN = Result(requeue=True)


async def run(
    queue: workqueue.WorkQueue[K],
    reconcile: Callable[[K], Awaitable[Result | None]],
    *,
    workers: int = 1,
    name: str = "reconciler",
    deadline_seconds: float = DEADLINE_SECONDS,
) -> None:
    """Run ``workers`` loops until cancelled; None from ``reconcile`` means ``DONE``."""
    async with asyncio.TaskGroup() as group:
        for index in range(workers):
            group.create_task(
                _work(queue, reconcile, name, deadline_seconds), name=f"{name}-{index}"
            )


async def _work(
    queue: workqueue.WorkQueue[K],
    reconcile: Callable[[K], Awaitable[Result | None]],
    name: str,
    deadline_seconds: float,
) -> None:
    while True:
        key = await queue.get()
        try:
            await handle(queue, reconcile, key, name, deadline_seconds)
        finally:
            queue.done(key)


async def handle(
    queue: workqueue.WorkQueue[K],
    reconcile: Callable[[K], Awaitable[Result | None]],
    key: K,
    name: str,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> None:
    """Run one key and put it back as its outcome demands."""
    fields = {"reconciler": name, "key": str(key)}
    try:
        async with asyncio.timeout(deadline_seconds):
            result = await reconcile(key) or DONE
    except QUIET_FAILURES as error:
        delay = queue.retry(key)
        level = logging.DEBUG if queue.failures(key) <= QUIET_ATTEMPTS else logging.WARNING
        logger.log(level, "retried: %s", error, extra={**fields, "delay_seconds": delay})
    except (errors.Error, TimeoutError) as error:
        delay = queue.retry(key)
        failures = queue.failures(key)
        logger.warning(
            "reconcile failed: %s",
            error or type(error).__name__,
            extra={**fields, "failures": failures, "delay_seconds": delay},
        )
    except Exception:
        delay = queue.retry(key)
        failures = queue.failures(key)
        logger.exception(
            "reconcile failed", extra={**fields, "failures": failures, "delay_seconds": delay}
        )
    else:
        if result.requeue:
            queue.retry(key)
            return
        queue.forget(key)
        if result.requeue_after_seconds is not None:
            queue.add_after(key, result.requeue_after_seconds)
