"""Hands events over to functions through the router's internal listener: signed, and persistent.

``send`` is one attempt. ``deliver`` goes on until the function has it, or it is certain that it
never will, or a bound of its policy is reached:

- While no router answers, nothing is lost: that costs no attempt, only time, up to the patience.
- What the platform refused before the function saw it (no capacity, no pod, no such function yet)
  is tried again with growing pauses, which ``Retry-After`` can lengthen.
- What may have run (timeouts, lost connections) is tried again where the policy promises *at least
  once*, and is reported as unknown where it promises *at most once*.
- What the function itself answered is final, unless the policy says otherwise.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections.abc import Awaitable, Callable, Container, Iterator
from typing import Final

from fission.base import backoff, ids
from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.contracts import invocation, signing
from fission.delivery import calls, errors, finders, verdicts
from fission.web import client as web_client
from fission_http import errors as http_errors

Answer = verdicts.Answer
Verdict = verdicts.Verdict

CONNECT_TIMEOUT_SECONDS: Final = 5.0
TELL_AFTER_SECONDS: Final = 2.0
"""A router that is away for less is not worth a word: it is being restarted."""
LONGEST_RETRY_AFTER_SECONDS: Final = 300.0
"""A function or router that asks for more patience than this gets this much."""


@dataclasses.dataclass(frozen=True, slots=True)
class Policy:
    """How persistent a delivery is."""

    attempts: int = 10
    """Answered attempts; those that no router answered are bounded by ``patience_seconds``."""
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 60.0
    """Pauses between attempts double from the first to the longest, with up to 20 % on top."""
    patience_seconds: float = 3600.0
    """How long, from the start of the delivery, a router is waited for."""
    longest_wait_for_router_seconds: float = 5.0
    """Looking for a router starts at 0.1 s and slows down to this: it is soon found again."""
    repeat_unknown: bool = True
    """At least once: what may have run is sent again. False: at most once."""
    repeat_function_errors: bool = False
    accepted: Container[int] = verdicts.SUCCESSES
    """Statuses of a function that count as delivered."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """How a delivery ended."""

    delivered: bool
    attempts: int
    """Attempts that reached a router."""
    status: int | None
    """Of the last answer; None when there was none."""
    message: str
    """What went wrong; empty when delivered."""
    answer: Answer | None
    is_unknown: bool = False
    """Not known to be delivered, and not known not to be."""


class Publisher:
    """Calls functions for one component."""

    def __init__(
        self,
        http: web_client.HttpClient,
        found: finders.Finder,
        masters: signing.Masters,
        clock: clocks.Clock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._http = http
        self._routers = found
        self._key = masters.keys(signing.ROUTER_INTERNAL).current
        self._clock = clock
        self._sleep = sleep
        self._draw = draw

    async def send(self, call: calls.Call) -> Answer:
        """One attempt. Raises Unreachable, or BadCall when it names no function."""
        target = calls.target_of(call)
        headers = [*call.headers, (invocation.REQUEST_ID, call.request_id or ids.new_uid())]
        if self._key is not None:
            now = self._clock.now().timestamp()
            headers += signing.headers(self._key, call.method, target, call.body, now)
        message = "no router is ready"
        for base in await self._urls():
            try:
                return await self._exchange(call, base + target, headers)
            except http_errors.ConnectError as error:
                # Nothing was sent, so another router may be asked in the same breath.
                self._routers.forget()
                message = f"the router at {base} cannot be reached: {error}"
        raise errors.Unreachable(message, maybe_delivered=False)

    async def deliver(
        self,
        call: calls.Call,
        policy: Policy,
        tell: Callable[[str], None] = lambda message: None,
    ) -> Outcome:
        """Attempts until it is delivered or given up; never raises for what happens to it.

        ``tell`` hears what went wrong each time that it will be tried again.
        """
        if not call.request_id:
            call = dataclasses.replace(call, request_id=ids.new_uid())
        began_at = self._clock.monotonic()
        give_up_at = began_at + policy.patience_seconds
        pauses = self._pauses(policy.first_pause_seconds, policy.longest_pause_seconds)
        waits = self._pauses(0.1, policy.longest_wait_for_router_seconds)
        attempts = 0
        while True:
            answer: Answer | None = None
            asked_pause = 0.0
            try:
                answer = await self.send(call)
            except errors.BadCall as error:
                return Outcome(False, attempts, None, error.message, None)
            except errors.Unreachable as error:
                message = error.message
                if not error.maybe_delivered:
                    pause = next(waits)
                    if self._clock.monotonic() + pause > give_up_at:
                        return Outcome(False, attempts, None, message, None)
                    if self._clock.monotonic() - began_at > TELL_AFTER_SECONDS:
                        tell(message)
                    await self._sleep(pause)
                    continue
                attempts += 1
                verdict = Verdict.UNKNOWN
            else:
                attempts += 1
                waits = self._pauses(0.1, policy.longest_wait_for_router_seconds)
                verdict = verdicts.judge(answer, policy.accepted)
                if verdict is Verdict.DELIVERED:
                    return Outcome(True, attempts, answer.status, "", answer)
                message = verdicts.describe(answer)
                now = self._clock.now().timestamp()
                asked_pause = verdicts.retry_after_seconds(answer, now)
            if attempts >= policy.attempts or not _is_repeated(verdict, policy):
                status = answer.status if answer else None
                is_unknown = verdict is Verdict.UNKNOWN
                return Outcome(False, attempts, status, message, answer, is_unknown)
            tell(message)
            await self._sleep(max(next(pauses), min(asked_pause, LONGEST_RETRY_AFTER_SECONDS)))

    async def _urls(self) -> list[str]:
        try:
            return await self._routers.urls()
        except base_errors.Error as error:
            message = f"no router can be found: {error}"
            raise errors.Unreachable(message, maybe_delivered=False) from error

    async def _exchange(self, call: calls.Call, url: str, headers: list[tuple[str, str]]) -> Answer:
        try:
            response = await self._http.request(
                call.method,
                url,
                headers,
                call.body,
                timeout_seconds=call.timeout_seconds,
                connect_timeout_seconds=CONNECT_TIMEOUT_SECONDS,
                replay=False,
            )
            try:
                body = await response.read(call.max_answer_bytes)
            except http_errors.BodyTooLarge:
                return Answer(response.status, response.headers, b"", is_cut_off=True)
            return Answer(response.status, response.headers, body)
        except http_errors.ConnectError:
            raise
        except http_errors.RequestTimeout as error:
            message = f"no answer within {call.timeout_seconds:g} s"
            raise errors.Unreachable(message, maybe_delivered=True) from error
        except http_errors.HttpError as error:
            message = f"the answer was lost: {error}"
            raise errors.Unreachable(message, maybe_delivered=True) from error

    def _pauses(self, first_seconds: float, longest_seconds: float) -> Iterator[float]:
        return backoff.delays(
            first_seconds, cap_seconds=longest_seconds, jitter=0.2, draw=self._draw
        )


def _is_repeated(verdict: Verdict, policy: Policy) -> bool:
    if verdict is Verdict.UNKNOWN:
        return policy.repeat_unknown
    if verdict is Verdict.FUNCTION_ERROR:
        return policy.repeat_function_errors
    return verdict is Verdict.NOT_DELIVERED
