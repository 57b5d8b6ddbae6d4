"""One message, from its first call to its settlement.

Nothing is settled before the last place that it has to go to has accepted it: the function and the
response topic, or else the error topic. What must be repeated is repeated here, in memory, so a
function is not called again because a topic was away. Whoever waits, waits without a slot.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from fission.base import backoff
from fission.base import clock as clocks
from fission.contracts import invocation
from fission.delivery import calls, verdicts
from fission.delivery import errors as delivery_errors
from fission.mqtrigger import binding as bindings
from fission.mqtrigger import gate as gates
from fission.mqtrigger import records, report, retries
from fission.mqtrigger.drivers import base

FIRST_PUBLISH_PAUSE_SECONDS: Final = 0.2
LONGEST_PUBLISH_PAUSE_SECONDS: Final = 10.0


class Caller(Protocol):
    """Makes one attempt at a call; ``delivery.publisher.Publisher`` is one."""

    async def send(self, call: calls.Call) -> verdicts.Answer:
        """Raises ``delivery.errors.Unreachable``, ``BadCall``."""


@dataclass(frozen=True, slots=True)
class _Result:
    """How the calls of a message ended."""

    attempts: int
    answer: verdicts.Answer | None
    cause: str = ""
    """Why it is given up; empty when the function accepted it."""


class Handler:
    """Handles messages of one trigger."""

    def __init__(
        self,
        binding: bindings.Binding,
        driver: base.Driver,
        subscription: base.Subscription,
        caller: Caller,
        gate: gates.Gate,
        told: report.Report,
        clock: clocks.Clock,
    ) -> None:
        self._binding = binding
        self._driver = driver
        self._subscription = subscription
        self._caller = caller
        self._gate = gate
        self._report = told
        self._clock = clock

    async def handle(self, message: base.Message) -> None:
        """Raises ``gate.Stopping`` when it is to be handed back, ``drivers.base`` errors when the
        subscription is of no use any more."""
        spec = self._binding.spec
        message_id = records.message_id(self._binding.uid, message)
        result = await self._call(message, message_id)
        cause = result.cause
        if result.answer is not None and spec.response_topic:
            headers = records.response_headers(spec, result.answer.headers, message_id)
            if result.answer.is_cut_off:
                cause = f"the answer is longer than {calls.MAX_ANSWER_BYTES} bytes"
            else:
                cause = await self._publish(
                    spec.response_topic, result.answer.body, headers, message.key, "respTopic"
                )
        if not cause:
            if await self._settle(message):
                self._report.delivered()
            return
        unkept = await self._give_up(message, message_id, result.attempts, cause)
        if await self._settle(message):
            if unkept:
                self._report.dropped(message.position, result.attempts, f"{cause}; {unkept}")
            else:
                self._report.poisoned(message.position, result.attempts, cause)

    async def _call(self, message: base.Message, message_id: str) -> _Result:
        """Call until the function accepted it or it is given up."""
        before = max(0, message.attempt - 1)
        budget = retries.budget(self._binding.spec.max_retries, message.attempt)
        pauses = retries.pauses()
        attempts = 0
        while True:
            step, answer, cause = await self._attempt(message, message_id, before + attempts + 1)
            if answer is None or step is retries.Next.WAIT:
                continue
            attempts += 1
            if step is retries.Next.ACCEPT:
                return _Result(before + attempts, answer)
            if step is retries.Next.GIVE_UP or attempts >= budget:
                return _Result(before + attempts, None, cause)
            self._report.attempt_failed(cause)
            asked = verdicts.retry_after_seconds(answer, self._clock.now().timestamp())
            pause = max(next(pauses), min(asked, retries.LONGEST_PAUSE_SECONDS))
            await self._gate.pause(pause)

    async def _attempt(
        self, message: base.Message, message_id: str, number: int
    ) -> tuple[retries.Next, verdicts.Answer | None, str]:
        """One call with a slot: what follows, the answer if a router gave one, what is wrong."""
        gate, spec = self._gate, self._binding.spec
        call = calls.Call(
            namespace=self._binding.namespace,
            function=spec.function_ref,
            headers=tuple(records.call_headers(spec, message, message_id, number)),
            body=message.body,
            request_id=request_id(message_id),
        )
        await gate.enter()
        try:
            answer = await self._caller.send(call)
        except (delivery_errors.Unreachable, delivery_errors.BadCall) as error:
            gate.refused(0.0)
            self._report.waiting(error.reason, error.message)
            return retries.Next.WAIT, None, error.message
        except BaseException:
            gate.leave()
            raise
        step = retries.judge(answer)
        if step is retries.Next.ACCEPT:
            gate.passed()
            self._report.going_on()
            return step, answer, ""
        cause = verdicts.describe(answer)
        if step is not retries.Next.WAIT:
            gate.passed()
            self._report.going_on()
            return step, answer, cause
        gate.refused(verdicts.retry_after_seconds(answer, self._clock.now().timestamp()))
        is_missing = answer.headers.get(invocation.ROUTE_MISS)
        self._report.waiting("FunctionMissing" if is_missing else "FunctionUnavailable", cause)
        return step, answer, cause

    async def _give_up(
        self, message: base.Message, message_id: str, attempts: int, cause: str
    ) -> str:
        """Put it into the error topic; returns why it lies nowhere, empty when it does."""
        spec = self._binding.spec
        if not spec.error_topic:
            return "the trigger has no error topic"
        headers = records.error_headers(spec, message, message_id, attempts, cause)
        return await self._publish(
            spec.error_topic, message.body, headers, message.key, "errorTopic"
        )

    async def _publish(
        self, topic: str, body: bytes, headers: Mapping[str, str], key: str, field: str
    ) -> str:
        """Publish, however long it takes; returns why the broker will never take it."""
        pauses = backoff.delays(
            FIRST_PUBLISH_PAUSE_SECONDS, cap_seconds=LONGEST_PUBLISH_PAUSE_SECONDS
        )
        waits = False
        while True:
            try:
                await self._driver.publish(topic, body, headers, key)
            except base.Refused as error:
                return f"{field} {topic!r} does not take it: {error}"
            except base.DriverError as error:
                waits = True
                self._report.waiting(error.reason, f"{field} {topic!r}: {error}")
                await self._gate.pause(next(pauses))
            else:
                if waits:
                    self._report.going_on()
                return ""

    async def _settle(self, message: base.Message) -> bool:
        try:
            await self._subscription.settle(message)
        except base.Lost as error:
            self._report.duplicated(message.position, str(error))
            if self._binding.lane(message.key):
                # It will be delivered again; what we have of its lane must not come before it.
                raise
            return False
        return True


def request_id(message_id: str) -> str:
    """The request id of a message's calls: its own id, so a duplicate is traced as one."""
    if len(message_id) <= invocation.MAX_REQUEST_ID_LENGTH:
        return message_id
    return hashlib.sha256(message_id.encode()).hexdigest()
