"""Events on their way through a router that is there, away, full, or breaks off."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator

from fission.api import reference_types
from fission.base import clock as clocks
from fission.contracts import signing
from fission.delivery import calls, finders, publisher
from fission.web import client as web_client
from fission_http import server
from tests.support import fakerouter
from tests.support import waiting as waits

MASTERS = signing.Masters(b"0123456789abcdef0123456789abcdef")
SOON = publisher.Policy(
    attempts=3,
    first_pause_seconds=0.01,
    longest_pause_seconds=0.02,
    longest_wait_for_router_seconds=0.05,
    patience_seconds=30.0,
)
ONCE = dataclasses.replace(SOON, repeat_unknown=False)
HELLO = calls.Call(
    "shop", reference_types.FunctionReference(name="hello"), "PUT", "/a?b=1", (("X-A", "1"),), b"!"
)


@contextlib.asynccontextmanager
async def world() -> AsyncIterator[tuple[fakerouter.FakeRouter, publisher.Publisher]]:
    async with fakerouter.running(MASTERS) as router, web_client.HttpClient() as http:
        made = publisher.Publisher(
            http, finders.Fixed(router.url), MASTERS, clocks.SystemClock(), draw=lambda: 0.0
        )
        yield router, made


async def test_a_call_arrives_signed_and_whole() -> None:
    async with world() as (router, made):
        outcome = await made.deliver(HELLO, SOON)
        assert (outcome.delivered, outcome.attempts, outcome.status) == (True, 1, 200)
        assert outcome.answer is not None
        assert outcome.answer.body == b"done"
        (call,) = router.calls
        assert (call.method, call.target, call.body) == (
            "PUT",
            "/fission-function/shop/hello/a?b=1",
            b"!",
        )
        assert call.headers["x-a"] == "1"
        assert call.headers["x-fission-request-id"]


async def test_what_the_function_has_not_seen_is_repeated_with_the_same_id() -> None:
    async with world() as (router, made):
        replies = [
            fakerouter.route_miss(),
            fakerouter.platform_error(429, "capacity_exceeded", "executor"),
            server.Response(200),
        ]
        router.answer = lambda _: replies.pop(0)
        told: list[str] = []
        outcome = await made.deliver(HELLO, SOON, told.append)
        assert (outcome.delivered, outcome.attempts) == (True, 3)
        assert len({call.headers["x-fission-request-id"] for call in router.calls}) == 1
        assert [text.partition(" ")[0] for text in told] == ["404:", "429"]


async def test_attempts_are_bounded_and_the_last_answer_is_told() -> None:
    async with world() as (router, made):
        router.answer = lambda _: fakerouter.platform_error(500, "specialization_failed")
        outcome = await made.deliver(HELLO, SOON)
        assert (outcome.delivered, outcome.attempts, outcome.status) == (False, 3, 500)
        assert outcome.message == "500 from router: specialization_failed"
        assert not outcome.is_unknown


async def test_a_functions_own_error_is_final_unless_the_policy_repeats_it() -> None:
    async with world() as (router, made):
        router.answer = lambda _: server.Response(503, body=b"not today")
        outcome = await made.deliver(HELLO, SOON)
        assert (outcome.delivered, outcome.attempts) == (False, 1)
        assert outcome.message == "503 from function: not today"
        again = dataclasses.replace(SOON, repeat_function_errors=True)
        assert (await made.deliver(HELLO, again)).attempts == 3


async def test_a_router_that_is_away_costs_time_and_no_attempt() -> None:
    async with world() as (router, made):
        async with router.away():
            delivering = asyncio.ensure_future(made.deliver(HELLO, ONCE))
            impatient = dataclasses.replace(SOON, patience_seconds=0.3)
            given_up = await made.deliver(HELLO, impatient)
            assert (given_up.delivered, given_up.attempts) == (False, 0)
            assert "cannot be reached" in given_up.message
            assert not given_up.is_unknown
            assert not delivering.done()
        outcome = await delivering
        assert (outcome.delivered, outcome.attempts) == (True, 1)
        assert len(router.calls) == 1


async def test_a_lost_answer_is_repeated_or_reported_as_the_policy_says() -> None:
    async with world() as (router, made):
        hanging = asyncio.Event()

        async def hang() -> server.Response:
            await hanging.wait()
            return server.Response(200)

        router.answer = lambda _: hang()
        delivering = asyncio.ensure_future(made.deliver(HELLO, ONCE))
        await waits.until(lambda: router.calls)
        async with router.away():
            pass
        outcome = await delivering
        assert (outcome.delivered, outcome.is_unknown, outcome.status) == (False, True, None)

        delivering = asyncio.ensure_future(made.deliver(HELLO, SOON))
        await waits.until(lambda: len(router.calls) == 2)
        router.answer = fakerouter.ok
        async with router.away():
            pass
        outcome = await delivering
        assert (outcome.delivered, outcome.attempts) == (True, 2)


async def test_an_answer_that_takes_too_long_is_unknown() -> None:
    async with world() as (router, made):

        async def hang() -> server.Response:
            await asyncio.Event().wait()
            raise AssertionError

        router.answer = lambda _: hang()
        outcome = await made.deliver(dataclasses.replace(HELLO, timeout_seconds=0.05), ONCE)
        assert (outcome.delivered, outcome.is_unknown) == (False, True)
        assert outcome.message == "no answer within 0.05 s"


async def test_an_answer_longer_than_wanted_counts_as_delivered() -> None:
    async with world() as (router, made):
        router.answer = lambda _: server.Response(200, body=b"x" * 1000)
        outcome = await made.deliver(dataclasses.replace(HELLO, max_answer_bytes=10), SOON)
        assert outcome.delivered
        assert outcome.answer is not None
        assert outcome.answer.is_cut_off


async def test_a_reference_to_nothing_is_said_and_not_sent() -> None:
    async with world() as (router, made):
        nothing = dataclasses.replace(HELLO, function=reference_types.FunctionReference())
        outcome = await made.deliver(nothing, SOON)
        assert (outcome.delivered, outcome.attempts) == (False, 0)
        assert "functionref.name" in outcome.message
        assert router.calls == []
