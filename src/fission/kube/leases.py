"""Leader election: of many that could do a job, one does, and the others are ready to take over.

The holder writes ``renewTime`` into a Lease; whoever sees a Lease unrenewed for its duration takes
it, with the resourceVersion that was seen, so two can never both succeed. Durations are measured
from when a change was *observed*, not from the time written in it: clocks of machines differ.

``plan`` decides purely; ``LeaderElector.run`` acts. A holder that cannot renew in time stops its
work before another may begin.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fission.base import clock as clocks
from fission.base import errors
from fission.kube import client as client_module
from fission.meta import codec, gvk, status

logger = logging.getLogger(__name__)

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Timing:
    """client-go's defaults."""

    lease_seconds: float = 15.0
    """Unrenewed for this long, the lease is free."""
    renew_seconds: float = 10.0
    """A holder that has not renewed for this long gives up."""
    retry_seconds: float = 2.0
    """Between two attempts to take or renew."""

    @property
    def last_attempt_seconds(self) -> float:
        """For a holder that was stopped and may hold the lease yet; others wait for longer."""
        return max(0.01, (self.lease_seconds - self.renew_seconds) / 5)


@dataclass(frozen=True, slots=True)
class Observed:
    """A Lease and when it was first seen in this state (monotonic seconds)."""

    lease: Obj
    since: float


def plan(
    observed: Observed | None,
    namespace: str,
    name: str,
    identity: str,
    now: datetime.datetime,
    monotonic: float,
    timing: Timing,
) -> Obj | None:
    """The Lease to write: a new one, a renewed one, one taken over; None while another holds it."""
    moment = clocks.format_rfc3339_micro(now)
    spec: Obj = {
        "holderIdentity": identity,
        "leaseDurationSeconds": max(1, int(timing.lease_seconds)),
        "renewTime": moment,
    }
    if observed is None:
        return {
            "apiVersion": gvk.LEASES.api_version,
            "kind": "Lease",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {**spec, "acquireTime": moment, "leaseTransitions": 0},
        }
    held = observed.lease.get("spec") or {}
    holder = held.get("holderIdentity") or ""
    transitions = int(held.get("leaseTransitions") or 0)
    if holder == identity:
        spec |= {"acquireTime": held.get("acquireTime") or moment, "leaseTransitions": transitions}
    else:
        duration = float(held.get("leaseDurationSeconds") or timing.lease_seconds)
        if holder and monotonic < observed.since + duration:
            return None
        spec |= {"acquireTime": moment, "leaseTransitions": transitions + 1}
    lease: Obj = codec.deep_copy(observed.lease)
    lease["spec"] = spec
    return lease


class LeaderElector:
    """One candidate for one lease."""

    def __init__(
        self,
        client: client_module.Client,
        namespace: str,
        name: str,
        identity: str,
        *,
        timing: Timing | None = None,
        clock: clocks.Clock | None = None,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._timing = timing or Timing()
        self._clock = clock or clocks.SystemClock()
        self._observed: Observed | None = None
        self._renewed_at = 0.0
        self.is_leader = False

    @property
    def holds(self) -> bool:
        """Whether the lease is ours at this moment; false as soon as it could be another's.

        Unlike ``is_leader`` it does not wait for a task to notice: a process that was stopped and
        goes on sees it at once.
        """
        until = self._renewed_at + self._timing.renew_seconds
        return self.is_leader and self._clock.monotonic() < until

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait until elected, then work; return when the lease is lost or the work ends.

        The lease is released when leaving, also by cancellation, so that a successor need not wait.
        """
        while True:
            if await self._attempt():
                break
            await asyncio.sleep(self._timing.retry_seconds)
        logger.info("lease was acquired", extra=self._fields)
        self.is_leader = True
        task = asyncio.ensure_future(work())
        try:
            await self._hold(task)
        finally:
            self.is_leader = False
            if not task.done():
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await self._release()
        if not task.cancelled():
            task.result()

    async def _hold(self, task: asyncio.Future[None]) -> None:
        timing = self._timing
        while True:
            await asyncio.wait({task}, timeout=timing.retry_seconds)
            if task.done():
                return
            attempt_seconds = self._renewed_at + timing.renew_seconds - self._clock.monotonic()
            try:
                async with asyncio.timeout(max(timing.last_attempt_seconds, attempt_seconds)):
                    await self._attempt()
            except TimeoutError:
                pass
            if self._clock.monotonic() >= self._renewed_at + timing.renew_seconds:
                logger.warning("lease was lost", extra=self._fields)
                return

    async def _attempt(self) -> bool:
        """Take or renew; False when another holds it or the server did not answer."""
        started_at = self._clock.monotonic()
        try:
            await self._observe()
            lease = plan(
                self._observed,
                self._namespace,
                self._name,
                self._identity,
                self._clock.now(),
                self._clock.monotonic(),
                self._timing,
            )
            if lease is None:
                return False
            call = self._client.create if self._observed is None else self._client.replace
            written = await call(gvk.LEASES, lease)
        except (status.Conflict, status.AlreadyExists):
            return False
        except errors.Error as error:
            logger.warning("lease was not renewed: %s", error, extra=self._fields)
            return False
        self._observed = Observed(written, self._clock.monotonic())
        self._renewed_at = started_at
        return True

    async def _observe(self) -> None:
        try:
            lease = await self._client.get(gvk.LEASES, self._name, self._namespace)
        except status.NotFound:
            self._observed = None
            return
        known = self._observed
        if known is None or known.lease.get("spec") != lease.get("spec"):
            self._observed = Observed(lease, self._clock.monotonic())
        else:
            self._observed = Observed(lease, known.since)

    async def _release(self) -> None:
        observed = self._observed
        if observed is None or observed.lease["spec"].get("holderIdentity") != self._identity:
            return
        lease = codec.deep_copy(observed.lease)
        lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
        try:
            await self._client.replace(gvk.LEASES, lease, timeout_seconds=2.0)
        except errors.Error as error:
            logger.debug("lease was not released: %s", error, extra=self._fields)

    @property
    def _fields(self) -> dict[str, Any]:
        return {"lease": f"{self._namespace}/{self._name}", "identity": self._identity}
