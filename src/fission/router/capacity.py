"""Gives requests a slot on a pod: at once where one is free, else through a queue.

`slots` and `demand` decide, this module acts: it puts a request in line, asks the executor for as
many pods as are due, hands what comes to the first in line, and tells the executor when a request
that it counted is over. Every wait ends at its deadline; lines and calls are bounded, per function
and in all. When no more calls may be made at once, functions take turns for the next. While
requests wait, a timer looks again, since what runs may be slower than it was.
"""

from __future__ import annotations

import asyncio
import collections
import logging
from typing import TYPE_CHECKING, Final, Protocol

from fission.api import function_types
from fission.router import demand, failures, slots

if TYPE_CHECKING:
    from fission.base import tasks
    from fission.router import targets

_log = logging.getLogger(__name__)

BUSY_SECONDS: Final = 0.05
"""How long a pod that said it was busy is left alone."""

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
        self._turns: collections.OrderedDict[slots.Slots, targets.Target] = (
            collections.OrderedDict()
        )

    def try_acquire(self, target: targets.Target, now: float) -> slots.Endpoint | None:
        """A free slot, without waiting."""
        return None if target.always_ask else target.slots.try_acquire(now)

    async def acquire(
        self, target: targets.Target, since: float, *, again: bool = False
    ) -> slots.Endpoint:
        """A slot, however long it takes within the function's timeout; raises Failure.

        `since` is when the request came; `again`: it had a slot already that was none, and takes
        its place at the head of the line.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        if target.always_ask:
            return await self._own(target, since)
        own = target.slots
        endpoint = own.try_acquire(now)
        if endpoint is not None:
            return endpoint
        before = own.previous
        if before is not None:
            endpoint = before.try_acquire(now)
            if endpoint is not None:
                self._ask_meanwhile(target, now)
                return endpoint
        why = "" if again else demand.refusal(own, now, self._max_queued)
        if why:
            raise failures.capacity_exceeded(why)
        waiter = _Waiter(loop.create_future(), since)
        lines = [own] if before is None else [own, before]
        for line in lines:
            line.join(waiter, first=again)
        timer = loop.call_at(
            since + target.timeout_seconds,
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
            for line in lines:
                line.leave(waiter)

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

    async def _own(self, target: targets.Target, since: float) -> slots.Endpoint:
        """An address that the executor gives for this request alone."""
        address = await self._executor.get_service(target, since + target.timeout_seconds)
        return target.slots.lend(address)

    # Asking

    def _ask_more(self, target: targets.Target, loop: asyncio.AbstractEventLoop) -> None:
        own = target.slots
        if not own.waiting:
            return
        due = demand.asks_due(own, loop.time(), self._max_starting_per_function)
        free = 0 if self._turns else self._max_starting - self._starting
        for _ in range(min(due, free)):
            self._start_asking(target)
            due -= 1
        if due:
            self._turns[own] = target
        if own not in self._rechecks:
            pause = max(min(own.cold_start_seconds, 1.0), SHORTEST_RECHECK_SECONDS)
            self._rechecks[own] = loop.call_later(pause, self._look_again, target, loop)

    def _ask_meanwhile(self, target: targets.Target, now: float) -> None:
        """The executor type changed: have a pod of the new one made while old ones serve."""
        own = target.slots
        if not own.asking and now >= own.ask_not_before and self._starting < self._max_starting:
            self._start_asking(target)

    def _start_asking(self, target: targets.Target) -> None:
        target.slots.asking += 1
        self._starting += 1
        self._work.spawn(self._ask(target), f"ask for {target.label}")

    def _next_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """A call ended: the next belongs to the function that has waited longest for one."""
        while self._turns and self._starting < self._max_starting:
            own, target = self._turns.popitem(last=False)
            due = demand.asks_due(own, loop.time(), self._max_starting_per_function)
            if due:
                self._start_asking(target)
            if due > 1:
                self._turns[own] = target

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
        ready, busy = own.ready_count, own.serving_count
        try:
            if busy and target.executor_type == function_types.POOLMGR:
                address = await self._executor.ensure_capacity(target, ready, busy, deadline)
            else:
                address = await self._executor.get_service(target, deadline)
        except failures.Failure as failure:
            self._asked(target, loop)
            self._failed(target, failure, loop.time())
        except BaseException:
            self._asked(target, loop)
            raise
        else:
            self._asked(target, loop)
            self._given(target, address, loop, began)
        self._ask_more(target, loop)

    def _asked(self, target: targets.Target, loop: asyncio.AbstractEventLoop) -> None:
        target.slots.asking -= 1
        self._starting -= 1
        loop.call_soon(self._next_turn, loop)

    def _given(
        self,
        target: targets.Target,
        address: slots.Address,
        loop: asyncio.AbstractEventLoop,
        began: float,
    ) -> None:
        own = target.slots
        now = loop.time()
        if own.executor_type != slots.POOLED and slots.is_name(address):
            if not demand.ready(own, now, now - began):
                loop.call_later(demand.SHOWN_SECONDS, self._stand_in, own, address, loop)
            return
        endpoint = demand.given(own, address, now, now - began)
        if endpoint.untaps_owed and not endpoint.in_flight:
            self._untap(target, endpoint)

    @staticmethod
    def _stand_in(
        own: slots.Slots, address: slots.Address, loop: asyncio.AbstractEventLoop
    ) -> None:
        """No slice showed a pod of a Service that is ready: its name has to do."""
        if own.waiting and not own.ready_count:
            demand.given(own, address, loop.time(), demand.SHOWN_SECONDS)

    def _failed(self, target: targets.Target, failure: failures.Failure, now: float) -> None:
        _log.info(
            "no pod was given: %s",
            failure.message,
            extra={"function": target.label, "reason": failure.reason},
        )
        for waiter in demand.denied(target.slots, now, exhausted=failure.status == 429):
            self._fail(waiter, failure)

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
