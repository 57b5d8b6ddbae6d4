"""Sends what is published to the platform's brokers: drains a queue of statestore for each of them.

A message leaves its queue when the broker has it durably, so it is sent at least once. Of a broker
that is away nothing is leased; what was under way as it went is put back whole, and uses up no
attempt. What the broker does not take for a reason of the message's own is tried again later, and
is a dead letter after the last attempt, with the cause. How each broker is stands in statestore,
for those who publish: a type without such a value has nobody who would send.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from fission.base import backoff, errors
from fission.base import clock as clocks
from fission.contracts import egress, gojson
from fission.contracts import statestore as wire
from fission.delivery import statestore, statestore_errors
from fission.mqtrigger import metrics
from fission.mqtrigger.drivers import base, registry

logger = logging.getLogger(__name__)

BATCH: Final = 100
LEASE_SECONDS: Final = 60.0
"""Longer than any driver tries. What a sender had that died comes again after it."""
WAIT_SECONDS: Final = 30.0
"""How long one look at an empty queue lasts."""
CONNECT_SECONDS: Final = 30.0
CLOSE_SECONDS: Final = 5.0
GRACE_SECONDS: Final = 10.0
FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 30.0
HOPELESS: Final = (registry.DriverMissing, base.Misconfigured, base.Unauthorized)
"""Of a connection: somebody has to change a setting."""


@dataclass(frozen=True)
class Deps:
    """What the senders share."""

    store: statestore.Statestore
    drivers: registry.Registry
    metrics: metrics.Metrics
    clock: clocks.Clock
    brokers: Mapping[str, base.Settings]
    """The platform's own broker of a type, where it has one."""
    again_seconds: tuple[float, float] = (5.0, 30.0)
    """Before the second and the third attempt of a message that the broker did not take."""


class Sender:
    """One broker."""

    def __init__(self, mq_type: str, deps: Deps) -> None:
        self._type = mq_type
        self._deps = deps
        self._store = deps.store
        self._queue = egress.queue(mq_type)
        self._told: tuple[str, bool] | None = None
        self._pauses = _pauses()
        self._is_doubted = False
        """It was lost while sending: that it takes connections again does not say enough."""

    async def run(self) -> None:
        """Until cancelled; what is under way then comes to its end."""
        while True:
            try:
                driver = await self._connect()
            except errors.Error as error:
                await self._trouble(error, is_hopeless=isinstance(error, HOPELESS))
                continue
            try:
                if not self._is_doubted:
                    await self._tell(egress.State())
                await self._drain(driver)
            except base.Unreachable as error:
                self._is_doubted = True
                await self._trouble(error)
            except statestore_errors.StatestoreError as error:
                self._told = None  # its file may be another by now
                logger.warning("%s: %s", self._queue, error)
                await asyncio.sleep(next(self._pauses))
            finally:
                await _close(driver)

    async def _connect(self) -> base.Driver:
        """Raises ``DriverError``; what a library raises besides is one, too."""
        try:
            connect = await self._deps.drivers.find(self._type)
            async with asyncio.timeout(CONNECT_SECONDS):
                return await connect(self._deps.brokers[self._type])
        except errors.Error:
            raise
        except TimeoutError as error:
            text = f"the broker did not answer within {CONNECT_SECONDS:g} s"
            raise base.Unreachable(text) from error
        except Exception as error:
            logger.exception("connecting failed", extra={"type": self._type})
            raise base.DriverError(f"{type(error).__name__}: {error}") from error

    async def _drain(self, driver: base.Driver) -> None:
        """Raises ``Unreachable`` when the broker goes away, ``StatestoreError``."""
        while True:
            leased = await self._store.lease(
                self._queue, BATCH, LEASE_SECONDS, wait_seconds=WAIT_SECONDS
            )
            if leased:
                await self._send_all(driver, leased)

    async def _send_all(self, driver: base.Driver, leased: Sequence[wire.LeasedMessage]) -> None:
        sending = [asyncio.ensure_future(self._send(driver, message)) for message in leased]
        try:
            await asyncio.wait(sending)
        except asyncio.CancelledError:
            await asyncio.wait(sending, timeout=GRACE_SECONDS)
            for one in sending:
                one.cancel()
            raise
        finally:
            ended = await asyncio.gather(*sending, return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException):
                raise error

    async def _send(self, driver: base.Driver, message: wire.LeasedMessage) -> None:
        try:
            job = egress.decode_job(message.body)
        except gojson.MessageError as error:
            await self._bury(message, f"not a message that can be sent: {error}", {})
            return
        fields = {"type": self._type, "topic": job.topic, "namespace": job.namespace}
        headers = {egress.NAMESPACE_HEADER: job.namespace}
        if job.content_type:
            headers[egress.CONTENT_TYPE_HEADER] = job.content_type
        try:
            await driver.publish(job.topic, job.payload, headers, job.key)
        except base.Unreachable:
            await self._put_back(message)
            raise
        except Exception as error:
            cause = str(error) or type(error).__name__
            final = isinstance(error, base.Refused) or message.attempts >= wire.MAX_ATTEMPTS
            if not final:
                self._count("retried")
                logger.warning("not sent yet: %s", cause, extra=fields)
                pauses = self._deps.again_seconds
                pause = pauses[min(message.attempts, len(pauses)) - 1]
                await self._store.nack(message.receipt, pause)
                return
            await self._bury(message, cause, fields)
            return
        self._count("sent")
        await self._settle(message)
        self._pauses = _pauses()
        if self._is_doubted:
            self._is_doubted = False
            await self._tell(egress.State())

    async def _settle(self, message: wire.LeasedMessage) -> None:
        """The broker has it: as long as the lease lasts it is worth trying to say so."""
        give_up = self._deps.clock.monotonic() + LEASE_SECONDS / 2
        for pause in backoff.delays(0.2, cap_seconds=5.0):
            try:
                await self._store.ack(message.receipt)
                return
            except statestore_errors.InvalidReceipt:
                return
            except statestore_errors.Unreachable:
                if self._deps.clock.monotonic() > give_up:
                    raise
            await asyncio.sleep(pause)

    async def _put_back(self, message: wire.LeasedMessage) -> None:
        """As new. Should this be cut short, it is there twice, or comes again after its lease."""
        try:
            await self._store.enqueue(
                self._queue, message.body, dedup_key=f"again {message.id}", delay_seconds=1.0
            )
        except statestore_errors.QuotaExceeded:
            await self._store.nack(message.receipt, self._deps.again_seconds[0])
            return
        await self._settle(message)

    async def _bury(
        self, message: wire.LeasedMessage, cause: str, fields: Mapping[str, str]
    ) -> None:
        self._count("dead")
        more = {**fields, "queue": self._queue, "id": message.id, "attempts": message.attempts}
        logger.error("a dead letter: %s", cause, extra=more)
        await self._store.kill(message.receipt, cause)

    async def _trouble(self, error: errors.Error, *, is_hopeless: bool = False) -> None:
        if self._told is None or self._told[0] != error.reason:
            logger.warning("cannot send: %s", error, extra={"type": self._type})
        await self._tell(
            egress.State(reason=error.reason, message=error.message, is_hopeless=is_hopeless)
        )
        await asyncio.sleep(next(self._pauses))

    async def _tell(self, state: egress.State) -> None:
        """Let those who publish know; statestore being away, later."""
        self._deps.metrics.egress_connected.labels(self._type).set(int(not state.reason))
        if self._told == (state.reason, state.is_hopeless):
            return
        state.at = clocks.format_rfc3339(self._deps.clock.now())
        try:
            await self._store.set(egress.scope(), self._type, wire.encode(state))
            self._told = state.reason, state.is_hopeless
        except statestore_errors.StatestoreError as error:
            logger.info("state was not told: %s", error, extra={"type": self._type})

    def _count(self, outcome: str) -> None:
        self._deps.metrics.egress.labels(self._type, outcome).inc()


async def forget_others(store: statestore.Statestore, brokers: Mapping[str, base.Settings]) -> None:
    """Nobody sends to other brokers than these any more: take back what says so."""
    for pause in backoff.delays(1.0, cap_seconds=300.0):
        try:
            for mq_type in (await store.keys(egress.scope())).keys:
                if mq_type not in brokers:
                    await _forget(store, mq_type)
            return
        except statestore_errors.StatestoreError as error:
            logger.debug("statestore was not asked: %s", error)
        await asyncio.sleep(pause)


async def _forget(store: statestore.Statestore, mq_type: str) -> None:
    await store.delete(egress.scope(), mq_type)
    stats = await store.stats(egress.queue(mq_type))
    if waiting := stats.visible + stats.leased:
        logger.warning(
            "%d messages for %s wait, and no broker of that type is set any more", waiting, mq_type
        )


def _pauses() -> Iterator[float]:
    return backoff.delays(FIRST_PAUSE_SECONDS, cap_seconds=LONGEST_PAUSE_SECONDS)


async def _close(driver: base.Driver) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await driver.close()
    except (base.DriverError, TimeoutError) as error:
        logger.debug("connection was not closed: %s", error)
