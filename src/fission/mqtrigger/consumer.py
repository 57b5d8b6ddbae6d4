"""Reads one subscription: receives ahead, keeps lanes, has messages handled, knows when to stop.

    receive → lanes → a task per message that may run → gate → handling → settle

What is held in memory is bounded in number and bytes; receiving stops there and goes on when
something is finished. ``run`` raises when the subscription is of no use any more; cancelled, it
ends gracefully: what runs may finish within the grace, and everything else is handed back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from fission.base import clock as clocks
from fission.mqtrigger import binding as bindings
from fission.mqtrigger import gate as gates
from fission.mqtrigger import handling, lanes, report, scaling
from fission.mqtrigger.drivers import base

logger = logging.getLogger(__name__)

CLOSE_SECONDS: Final = 5.0
"""How long a driver may take to let go."""


@dataclass(frozen=True)
class Options:
    """How much and how long."""

    most_held: int = 1000
    """Messages of one trigger in memory, at most."""
    held_per_call: int = 4
    """Messages in memory for each call at once."""
    least_held: int = 64
    most_held_bytes: int = 32 * 1024 * 1024
    batch: int = 100
    """Messages received at once."""
    receive_seconds: float = 20.0
    """How long one look at an empty topic lasts."""
    extend_seconds: float = 10.0
    grace_seconds: float = 10.0
    unready_after_seconds: float = 5.0
    """A function at its limit for a moment is no trouble; for longer it is worth a condition."""
    busy_lag_seconds: float = 1.0
    """While all slots are in use the lag is asked for at this pace, not the polling interval's."""


class Consumer:
    """Reads while ``run`` runs."""

    def __init__(
        self,
        binding: bindings.Binding,
        driver: base.Driver,
        subscription: base.Subscription,
        caller: handling.Caller,
        told: report.Report,
        clock: clocks.Clock,
        options: Options,
    ) -> None:
        self._binding = binding
        self._subscription = subscription
        self._report = told
        self._clock = clock
        self._options = options
        self._scale = scaling.Scale(binding.bounds(), clock.monotonic())
        self._gate = gates.Gate(self._scale, clock)
        self._handler = handling.Handler(
            binding, driver, subscription, caller, self._gate, told, clock
        )
        self._lanes: lanes.Lanes[base.Message] = lanes.Lanes()
        self._held: set[base.Message] = set()
        self._held_bytes = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._busy = asyncio.Event()
        self._lag = 0
        self._failed: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Read until cancelled; raises ``drivers.base`` errors. Closes the subscription."""
        self._failed = asyncio.get_running_loop().create_future()
        loops = [
            asyncio.create_task(work, name=name)
            for work, name in (
                (self._receive(), "receive"),
                (self._extend(), "extend"),
                (self._watch_lag(), "lag"),
            )
        ]
        try:
            done, _ = await asyncio.wait(
                {*loops, self._failed}, return_when=asyncio.FIRST_COMPLETED
            )
            for ended in done:
                ended.result()
        finally:
            await self._stop(loops)

    async def _stop(self, loops: list[asyncio.Task[None]]) -> None:
        for one in loops:
            one.cancel()
        self._gate.close()
        await self._end(loops)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._options.grace_seconds)
            for one in late:
                one.cancel()
            await self._end(late)
        if self._failed is not None and self._failed.done() and not self._failed.cancelled():
            self._failed.exception()
        with contextlib.suppress(base.DriverError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._subscription.close()
        self._report.in_process(0)

    async def _end(self, cancelled: Collection[asyncio.Task[None]]) -> None:
        """Wait for tasks that were cancelled: a library that swallows that must not keep us."""
        if not cancelled:
            return
        done, stuck = await asyncio.wait(cancelled, timeout=CLOSE_SECONDS)
        for one in done:
            if not one.cancelled():
                one.exception()
        if stuck:
            names = [one.get_name() for one in stuck]
            logger.warning("tasks did not end", extra={"tasks": names})

    async def _receive(self) -> None:
        options = self._options
        while True:
            room = self._capacity() - len(self._lanes)
            if room <= 0 or self._held_bytes >= options.most_held_bytes:
                self._busy.set()
                self._room.clear()
                await self._room.wait()
                continue
            messages = await self._subscription.receive(
                min(room, options.batch), options.receive_seconds
            )
            for message in messages:
                self._held.add(message)
                self._held_bytes += len(message.body)
                self._lanes.add(self._binding.lane(message.key), message)
            self._rescale()
            self._start()

    def _capacity(self) -> int:
        options = self._options
        wanted = max(options.least_held, self._scale.current * options.held_per_call)
        return min(wanted, options.most_held)

    def _rescale(self) -> None:
        before = self._scale.current
        backlog = max(len(self._lanes), self._lag)
        if self._scale.observe(backlog, self._clock.monotonic()) > before:
            self._gate.wake()

    def _start(self) -> None:
        while (message := self._lanes.take()) is not None:
            task = asyncio.create_task(self._handle(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _handle(self, message: base.Message) -> None:
        try:
            await self._handler.handle(message)
        except gates.Stopping:
            return
        except base.DriverError as error:
            self._fail(error)
            return
        except Exception as error:
            logger.exception("message was not handled", extra={"trigger": self._binding.name})
            self._fail(error)
            return
        self._held.discard(message)
        self._held_bytes -= len(message.body)
        self._lag = max(0, self._lag - 1)
        self._lanes.finish(self._binding.lane(message.key))
        self._start()
        if not self._room.is_set():
            self._room.set()

    def _fail(self, error: Exception) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)

    async def _extend(self) -> None:
        pause = self._options.extend_seconds
        if isinstance(self._subscription, base.Impatient):
            pause = min(pause, self._subscription.extend_seconds)
        while True:
            held = list(self._held)
            await asyncio.sleep(pause)
            for message in held:
                if message in self._held:
                    # Who takes it over gives it to us again, or has it: either way it is not lost.
                    with contextlib.suppress(base.Lost):
                        await self._subscription.extend(message)

    async def _watch_lag(self) -> None:
        while True:
            lag = await self._subscription.lag()
            self._report.lag(lag)
            self._lag = lag or 0
            self._rescale()
            self._report.in_process(self._gate.running)
            self._busy.clear()
            await asyncio.sleep(min(self._options.busy_lag_seconds, self._binding.polling_seconds))
            remaining = self._binding.polling_seconds - self._options.busy_lag_seconds
            if remaining > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(remaining):
                        await self._busy.wait()
