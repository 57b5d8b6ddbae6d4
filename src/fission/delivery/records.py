"""The delivery record of triggers: counted in memory, written into ``status.delivery`` in passing.

``delivered``, ``failed`` and ``lag`` cost two dictionary operations and never wait. ``run`` adds
what was counted to what the object says, conditional on its resourceVersion: several writers of one
trigger add up. A trigger is written at most once in five seconds, and all of them together ten
times a second. Memory is bounded by the number of triggers: what is gone is forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import heapq
import logging
from collections.abc import Callable
from typing import Any, Final

from fission.api import objects, reference_types
from fission.base import clock as clocks
from fission.base import errors
from fission.kube import client as kube_client
from fission.meta import gvk, status

logger = logging.getLogger(__name__)

Obj = dict[str, Any]
Key = tuple[str, str]

SETTLE_SECONDS: Final = 0.2
"""A first event waits for those that come with it."""
BETWEEN_WRITES_OF_ONE_SECONDS: Final = 5.0
BETWEEN_WRITES_SECONDS: Final = 0.1
FINAL_FLUSH_SECONDS: Final = 5.0
"""How long a process that ends goes on writing."""
FINAL_WRITERS: Final = 8
MAX_CONFLICTS: Final = 10
MAX_MESSAGE_CHARS: Final = 512
MAX_REMEMBERED: Final = 1024


@dataclasses.dataclass(slots=True)
class Pending:
    """What happened since the last write."""

    delivered: int = 0
    failed: int = 0
    last_delivered: str = ""
    last_error: reference_types.DeliveryError | None = None
    lag: int | None = None

    def add(self, later: Pending) -> None:
        """What happened afterwards, on top."""
        self.delivered += later.delivered
        self.failed += later.failed
        self.last_delivered = later.last_delivered or self.last_delivered
        self.last_error = later.last_error or self.last_error
        self.lag = later.lag if later.lag is not None else self.lag


def merge(written: Any, pending: Pending) -> Obj:
    """``status.delivery`` in wire form after what is pending was added to what is written."""
    record = objects.decode(reference_types.Delivery, written or {})
    record.delivered += pending.delivered
    record.failed += pending.failed
    # All times are written alike, so the later one is the larger text.
    record.last_delivered = max(record.last_delivered, pending.last_delivered)
    known = record.last_error
    if pending.last_error and (known is None or known.at <= pending.last_error.at):
        record.last_error = pending.last_error
    if pending.lag is not None:
        record.lag = pending.lag
    return {
        "delivered": record.delivered,
        "failed": record.failed,
        **objects.encode_part(record),
    }


class Records:
    """The records of the triggers of one kind, as one process adds to them."""

    def __init__(
        self,
        client: kube_client.Client,
        resource: gvk.Resource,
        clock: clocks.Clock,
        *,
        on_written: Callable[[Obj], None] | None = None,
    ) -> None:
        """``on_written`` is handed each object as it is after a write."""
        self._client = client
        self._resource = resource
        self._clock = clock
        self._on_written = on_written
        self._pending: dict[Key, Pending] = {}
        self._queue: list[tuple[float, Key]] = []
        self._written_at: dict[Key, float] = {}
        self._lags: dict[Key, int] = {}
        self._waiting = asyncio.Event()

    def delivered(self, namespace: str, name: str, count: int = 1) -> None:
        """The function accepted an event."""
        pending = self._of((namespace, name))
        pending.delivered += count
        pending.last_delivered = clocks.format_rfc3339(self._clock.now())

    def failed(self, namespace: str, name: str, message: str) -> None:
        """An event was given up."""
        pending = self._of((namespace, name))
        pending.failed += 1
        pending.last_error = self._error(message)

    def attempt_failed(self, namespace: str, name: str, message: str) -> None:
        """An attempt went wrong and will be repeated: not counted, but told."""
        self._of((namespace, name)).last_error = self._error(message)

    def lag(self, namespace: str, name: str, count: int) -> None:
        """So many events wait; written when it changes."""
        key = namespace, name
        if self._lags.get(key) != count:
            self._lags[key] = count
            self._of(key).lag = count

    def forget(self, namespace: str, name: str) -> None:
        """The trigger was deleted."""
        key = namespace, name
        self._pending.pop(key, None)
        self._written_at.pop(key, None)
        self._lags.pop(key, None)

    def take(self, namespace: str, name: str) -> Pending | None:
        """What is pending, for who writes the status anyway; ``give_back`` it if that fails."""
        return self._pending.pop((namespace, name), None)

    def give_back(self, namespace: str, name: str, pending: Pending) -> None:
        """A write failed: what it held is pending as before."""
        later = self._pending.get((namespace, name))
        current = self._of((namespace, name))
        if later is not None:
            pending.add(dataclasses.replace(later))
        for field in dataclasses.fields(Pending):
            setattr(current, field.name, getattr(pending, field.name))

    async def run(self) -> None:
        """Write out until cancelled, then once more what is left."""
        try:
            while True:
                await self._next()
                await asyncio.sleep(BETWEEN_WRITES_SECONDS)
        finally:
            await self.flush()

    async def flush(self, timeout_seconds: float = FINAL_FLUSH_SECONDS) -> None:
        """Write everything now, some at a time; what the deadline cuts off is lost, and logged."""
        keys = list(self._pending)

        async def work() -> None:
            while keys:
                await self._write(keys.pop())

        try:
            async with asyncio.timeout(timeout_seconds):
                await asyncio.gather(*(work() for _ in range(FINAL_WRITERS)))
        except TimeoutError:
            pass
        if self._pending:
            logger.warning("delivery records were not written", extra={"left": len(self._pending)})

    async def _next(self) -> None:
        """Wait until a trigger is due, and write it."""
        while True:
            self._waiting.clear()
            remaining = None
            if self._queue:
                remaining = self._queue[0][0] - self._clock.monotonic()
                if remaining <= 0:
                    break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(remaining):
                    await self._waiting.wait()
        _, key = heapq.heappop(self._queue)
        await self._write(key)

    async def _write(self, key: Key) -> None:
        pending = self._pending.pop(key, None)
        if pending is None:
            return
        namespace, name = key
        try:
            written = await self._add(namespace, name, pending)
        except status.NotFound:
            self.forget(namespace, name)
            return
        except errors.Error as error:
            self._written_at[key] = self._clock.monotonic()
            self.give_back(namespace, name, pending)
            logger.debug("delivery record was not written: %s", error, extra={"trigger": name})
            return
        except BaseException:
            self.give_back(namespace, name, pending)
            raise
        self._remember(key)
        if self._on_written is not None:
            self._on_written(written)

    async def _add(self, namespace: str, name: str, pending: Pending) -> Obj:
        for _ in range(MAX_CONFLICTS):
            known = await self._client.get(self._resource, name, namespace)
            patch = {
                "metadata": {"resourceVersion": known["metadata"]["resourceVersion"]},
                "status": {"delivery": merge((known.get("status") or {}).get("delivery"), pending)},
            }
            try:
                return await self._client.patch(
                    self._resource, name, patch, namespace, subresource="status"
                )
            except status.Conflict:
                continue
        raise errors.DeadlineExceeded(f"others wrote {namespace}/{name} all the time")

    def _of(self, key: Key) -> Pending:
        pending = self._pending.get(key)
        if pending is None:
            pending = self._pending[key] = Pending()
            written_at = self._written_at.get(key)
            due_at = self._clock.monotonic() + SETTLE_SECONDS
            if written_at is not None:
                due_at = max(due_at, written_at + BETWEEN_WRITES_OF_ONE_SECONDS)
            heapq.heappush(self._queue, (due_at, key))
            self._waiting.set()
        return pending

    def _remember(self, key: Key) -> None:
        now = self._clock.monotonic()
        self._written_at[key] = now
        if len(self._written_at) > MAX_REMEMBERED:
            oldest = now - BETWEEN_WRITES_OF_ONE_SECONDS
            self._written_at = {k: at for k, at in self._written_at.items() if at > oldest}

    def _error(self, message: str) -> reference_types.DeliveryError:
        now = clocks.format_rfc3339(self._clock.now())
        return reference_types.DeliveryError(at=now, message=message[:MAX_MESSAGE_CHARS])
