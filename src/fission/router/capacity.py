"""Gives requests a slot on a pod: at once where one is free, else through a queue.

`slots` decides, this module acts: it queues a request, asks the executor for as many pods as are
wanted, hands what comes to the first in the queue, and tells the executor when a request that it
counted is over. Every wait ends at its deadline; the queue and the calls are bounded, per function
and in all. While requests wait, a timer looks again, since what runs may be slower than it was.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol

from fission.api import function_types
from fission.router import failures, slots

if TYPE_CHECKING:
    from fission.base import tasks
    from fission.router import targets

_log = logging.getLogger(__name__)

FULL_SECONDS: Final = 1.0
"""How long a "no more pods" of the executor is believed."""

BUSY_SECONDS: Final = 0.05
"""How long a pod that said it was busy is left alone."""

UNHELPFUL_SECONDS: Final = 0.1
"""Pause after an answer that names a pod which is full already: the executor has yet to see it."""

SHORTEST_RECHECK_SECONDS: Final = 0.01


class Executor(Protocol):
    """What is asked of the executor."""

    async def get_service(self, target: targets.Target, deadline: float) -> slots.Address: ...
    async def ensure_capacity(
        self, target: targets.Target, ready: int, busy: int, deadline: float
    ) -> slots.Address: ...
    async def untap(self, target: targets.Target, address: slots.Address) -> None: ...


class _Waiter:
    """A request in the queue."""

    __slots__ = ("future", "since")

    def __init__(self, future: asyncio.Future[slots.Endpoint], since: float) -> None:
        self.future = future
        self.since = since

    def offer(self, endpoint: slots.Endpoint) -> bool:
        if self.future.done():
            return False
        self.future.set_result(endpoint)
        return True

    def fail(self, failure: failures.Failure) -> None:
        if not self.future.done():
            self.future.set_exception(failure)


class Capacity:
    """Slots for requests."""

    def __init__(
        self,
        executor: Executor,
        work: tasks.Tasks,
        *,
        max_queued_per_function: int,
        max_starting_per_function: int,
        max_starting: int,
    ) -> None:
        self._executor = executor
        self._work = work
        self._max_queued = max_queued_per_function
        self._max_starting_per_function = max_starting_per_function
        self._max_starting = max_starting
        self._starting = 0
        self._rechecks: dict[slots.Slots, asyncio.TimerHandle] = {}

    def try_acquire(self, target: targets.Target, now: float) -> slots.Endpoint | None:
        """A free slot, without waiting."""
        return None if target.always_ask else target.slots.try_acquire(now)

    async def acquire(self, target: targets.Target) -> slots.Endpoint:
        """A slot, however long it takes within the function's timeout; raises Failure."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if target.always_ask:
            return await self._own(target, now)
        endpoint = target.slots.try_acquire(now)
        if endpoint is not None:
            return endpoint
        own = target.slots
        if len(own.waiting) >= self._max_queued:
            raise failures.capacity_exceeded(f"{self._max_queued} requests wait already")
        if now < own.full_until and own.expected_wait_seconds() > own.cold_start_seconds:
            raise failures.capacity_exceeded("the function runs as many pods as it may")
        waiter = _Waiter(loop.create_future(), now)
        own.waiting.append(waiter)
        timer = loop.call_at(
            now + target.timeout_seconds,
            waiter.fail,
            failures.wait_timeout(target.timeout_seconds),
        )
        self._ask_more(target, loop)
        try:
            return await waiter.future
        except asyncio.CancelledError:
            future = waiter.future
            if future.done() and not future.cancelled() and future.exception() is None:
                self.release(target, future.result(), None, loop.time())
            raise
        finally:
            timer.cancel()
            if waiter in own.waiting:
                own.waiting.remove(waiter)

    def release(
        self,
        target: targets.Target,
        endpoint: slots.Endpoint,
        held_seconds: float | None,
        now: float,
    ) -> None:
        """A request is over."""
        endpoint.owner.release(endpoint, held_seconds, now)
        if endpoint.untaps_owed:
            self._untap(target, endpoint)

    def refused(self, endpoint: slots.Endpoint, now: float) -> None:
        """Nobody listens there."""
        endpoint.owner.refused(endpoint, now)

    def dial_failed(self, endpoint: slots.Endpoint, now: float) -> None:
        """It could not be reached in time."""
        endpoint.owner.dial_failed(endpoint, now)

    def busy(self, target: targets.Target, endpoint: slots.Endpoint, now: float) -> None:
        """The pod serves others at its limit."""
        endpoint.owner.busy(endpoint, now + BUSY_SECONDS)
        loop = asyncio.get_running_loop()
        loop.call_at(now + BUSY_SECONDS + 0.001, self._look_again, target, loop)

    async def _own(self, target: targets.Target, now: float) -> slots.Endpoint:
        """An address that the executor gives for this request alone."""
        address = await self._executor.get_service(target, now + target.timeout_seconds)
        endpoint = slots.Endpoint(target.slots, address, slots.State.GONE)
        endpoint.in_flight = 1
        endpoint.untaps_owed = 1
        return endpoint

    # Asking

    def _ask_more(self, target: targets.Target, loop: asyncio.AbstractEventLoop) -> None:
        own = target.slots
        if not own.waiting:
            return
        now = loop.time()
        first = own.waiting[0]
        waited = now - first.since if isinstance(first, _Waiter) else 0.0
        if now >= own.ask_not_before and (now >= own.full_until or not own.ready):
            wanted = own.asks_wanted(self._max_starting_per_function, waited)
            for _ in range(min(wanted, self._max_starting - self._starting)):
                own.asking += 1
                self._starting += 1
                self._work.spawn(self._ask(target), f"ask for {target.label}")
        if own not in self._rechecks:
            pause = max(min(own.cold_start_seconds, 1.0), SHORTEST_RECHECK_SECONDS)
            self._rechecks[own] = loop.call_later(pause, self._look_again, target, loop)

    def _look_again(self, target: targets.Target, loop: asyncio.AbstractEventLoop) -> None:
        pending = self._rechecks.pop(target.slots, None)
        if pending is not None:
            pending.cancel()
        target.slots.wake(loop.time())
        self._ask_more(target, loop)

    async def _ask(self, target: targets.Target) -> None:
        own = target.slots
        loop = asyncio.get_running_loop()
        began = loop.time()
        deadline = began + target.timeout_seconds
        ready = own.ready
        try:
            if ready and target.executor_type == function_types.POOLMGR:
                count = len(ready)
                address = await self._executor.ensure_capacity(target, count, count, deadline)
            else:
                address = await self._executor.get_service(target, deadline)
        except failures.Failure as failure:
            self._failed(target, failure, loop.time())
            return
        finally:
            own.asking -= 1
            self._starting -= 1
        now = loop.time()
        own.timed_cold_start(now - began)
        own.full_until = 0.0
        endpoint = own.provide(address, now)
        if target.executor_type == function_types.POOLMGR:
            endpoint.untaps_owed += 1
        own.wake(now)
        if own.waiting and endpoint.in_flight >= own.limit:
            own.ask_not_before = now + UNHELPFUL_SECONDS  # it was known, and is full
        if endpoint.untaps_owed and not endpoint.in_flight:
            self._untap(target, endpoint)
        self._ask_more(target, loop)

    def _failed(self, target: targets.Target, failure: failures.Failure, now: float) -> None:
        own = target.slots
        exhausted = failure.status == 429
        if exhausted or own.ready:
            own.full_until = now + FULL_SECONDS
        _log.info(
            "no pod was given: %s",
            failure.message,
            extra={"function": target.label, "reason": failure.reason},
        )
        if exhausted:
            self._fail(own.waiting.pop() if own.waiting else None, failure)
        elif not own.ready and own.asking <= 1:
            while own.waiting:
                self._fail(own.waiting.popleft(), failure)
        elif not own.ready and own.waiting:
            self._fail(own.waiting.popleft(), failure)

    @staticmethod
    def _fail(waiter: slots.Waiter | None, failure: failures.Failure) -> None:
        if isinstance(waiter, _Waiter):
            waiter.fail(failure)

    def _untap(self, target: targets.Target, endpoint: slots.Endpoint) -> None:
        owed, endpoint.untaps_owed = endpoint.untaps_owed, 0
        if endpoint.in_flight and owed > 1:
            owed, endpoint.untaps_owed = 1, owed - 1
        for _ in range(owed):
            self._work.spawn(self._report(target, endpoint), f"untap {target.label}")

    async def _report(self, target: targets.Target, endpoint: slots.Endpoint) -> None:
        try:
            await self._executor.untap(target, endpoint.address)
        except Exception as error:
            _log.debug("untap failed: %s", error, extra={"function": target.label})
