"""Messages of a topic on their way to a function, its answers and failures."""

from __future__ import annotations

import asyncio
import pathlib

from fission.api import resources
from fission.contracts import statestore as wire
from fission_http import server
from tests.integration.mqtrigger import world
from tests.support import fakerouter
from tests.support import waiting as waits


async def test_a_message_reaches_the_function_and_its_answer_the_response_topic(
    tmp_path: pathlib.Path,
) -> None:
    async with world.running(tmp_path) as it:
        trigger = await it.create(respTopic="out", contentType="application/xml")
        it.router.answer = lambda call: server.Response(
            201, [("X-Mine", "yes"), ("Content-Type", "text/html")], b"<" + call.body + b">"
        )
        await it.publish("in", b"a", key="k", **{"X-Tag": "blue", "Connection": "close"})
        (answer,) = await it.read("out", 1)
        (call,) = it.router.calls
        uid = trigger["metadata"]["uid"]
        assert (call.method, call.target, call.body) == ("POST", "/fission-function/hello", b"a")
        assert call.headers["x-tag"] == "blue"
        assert call.headers.get("connection", "") != "close"
        assert call.headers["content-type"] == "application/xml"
        assert call.headers["x-fission-mqtrigger-topic"] == "in"
        assert call.headers["x-fission-mqtrigger-resptopic"] == "out"
        assert call.headers["x-fission-mqtrigger-errortopic"] == ""
        assert call.headers["x-fission-mqtrigger-message-id"] == f"{uid}/in/1"
        assert call.headers["x-fission-mqtrigger-attempt"] == "1"
        assert call.headers["x-fission-mqtrigger-key"] == "k"
        assert (answer.payload, answer.type, answer.key) == (b"<a>", "text/html", "k")
        assert answer.headers["X-Mine"] == "yes"
        assert answer.headers["X-Fission-MQTrigger-Message-Id"] == f"{uid}/in/1"
        await it.until_settled("in")


async def test_what_was_published_before_the_trigger_is_not_its_business(
    tmp_path: pathlib.Path,
) -> None:
    async with world.running(tmp_path) as it:
        await it.publish("in", b"old")
        await it.create()
        await it.publish("in", b"new")
        await waits.until(lambda: it.bodies)
        await it.until_settled("in")
        assert it.bodies == [b"new"]


async def test_poison_goes_to_the_error_topic_with_its_cause(tmp_path: pathlib.Path) -> None:
    async with world.running(tmp_path) as it:
        await it.create(errorTopic="bad", maxRetries=1)
        it.router.answer = lambda call: server.Response(
            500 if call.body == b"poison" else 200, body=b"cannot\ndo that"
        )
        await it.publish("in", b"good", b"poison", b"better", **{"X-Tag": "blue"})
        (poison,) = await it.read("bad", 1)
        await it.until_settled("in")
        assert sorted(it.bodies) == [b"better", b"good", b"poison", b"poison"]
        assert (poison.payload, poison.type) == (b"poison", "text/plain")
        headers = poison.headers
        assert headers["X-Tag"] == "blue"
        assert headers["MessageSource"] == "in"
        assert headers["RecycleCounter"] == "1"
        assert headers["X-Fission-MQTrigger-Attempt"] == "2"
        assert headers["X-Fission-MQTrigger-Cause"] == "500 from function: cannot do that"
        await it.stop()
        delivery = (await it.status())["delivery"]
        assert (delivery["delivered"], delivery["failed"]) == (2, 1)


async def test_without_an_error_topic_the_loss_is_counted_and_said(tmp_path: pathlib.Path) -> None:
    async with world.running(tmp_path) as it:
        await it.create()
        it.router.answer = lambda _: server.Response(400, body=b"no")
        await it.publish("in", b"poison")
        await it.until_settled("in")
        await it.until_event("MessageDropped")
        await it.stop()
        delivery = (await it.status())["delivery"]
        assert delivery["failed"] == 1
        assert delivery["lastError"]["message"] == (
            "message 1 was dropped after 1 attempts: 400 from function: no; "
            "the trigger has no error topic"
        )


async def test_a_key_is_in_order_even_when_one_fails_and_others_go_on(
    tmp_path: pathlib.Path,
) -> None:
    async with world.running(tmp_path) as it:
        await it.create(maxRetries=5, minReplicaCount=8)
        failures = [b"a0", b"a0"]

        def answer(call: fakerouter.Received) -> server.Response:
            if call.body in failures:
                failures.remove(call.body)
                return server.Response(500)
            return server.Response(200)

        it.router.answer = answer
        for number in range(5):
            await it.publish("in", b"a%d" % number, key="a")
            await it.publish("in", b"b%d" % number, key="b")
        await it.until_settled("in")
        first = [body for body in it.bodies if body.startswith(b"a")]
        assert first == [b"a0", b"a0", b"a0", b"a1", b"a2", b"a3", b"a4"]
        assert [body for body in it.bodies if body.startswith(b"b")] == [
            b"b%d" % number for number in range(5)
        ]
        assert it.bodies.index(b"b4") < it.bodies.index(b"a1")


async def test_a_function_at_its_limit_gets_time_and_no_attempt_is_lost(
    tmp_path: pathlib.Path,
) -> None:
    """Two calls at once is all it takes; forty messages, none of which may fail."""
    async with world.running(tmp_path) as it:
        await it.create(minReplicaCount=20, errorTopic="bad")
        running, refused = 0, 0

        async def answer() -> server.Response:
            nonlocal running, refused
            if running >= 2:
                refused += 1
                return fakerouter.platform_error(429, "capacity_exceeded", "executor")
            running += 1
            await asyncio.sleep(0.01)
            running -= 1
            return server.Response(200)

        it.router.answer = lambda _: answer()
        await it.publish("in", *(b"%d" % number for number in range(40)))
        await it.until_settled("in")
        assert sorted({int(body) for body in it.bodies}) == list(range(40))
        assert len(it.bodies) == 40 + refused
        assert refused < 40
        assert all(call.headers["x-fission-mqtrigger-attempt"] == "1" for call in it.router.calls)


async def test_a_router_that_is_away_costs_time_only(tmp_path: pathlib.Path) -> None:
    async with world.running(tmp_path) as it:
        await it.create(errorTopic="bad")
        async with it.router.away():
            await it.publish("in", b"a")
            condition = await it.until_reason("RouterUnreachable")
            assert condition["status"] == "False"
            assert (await it.condition(type_="BindingReady"))["status"] == "True"
        await waits.until(lambda: it.bodies, 10)
        await it.until_ready()
        await it.until_settled("in")
        assert it.bodies == [b"a"]


async def test_a_trigger_that_is_gone_keeps_no_events(tmp_path: pathlib.Path) -> None:
    async with world.running(tmp_path) as it:
        await it.create()
        await it.update(topic="other")

        async def readers(topic: str) -> int:
            return len((await it.store.keys(wire.readers_scope("default", topic))).keys)

        async def has_moved() -> bool:
            return (await readers("in"), await readers("other")) == (0, 1)

        async def is_gone() -> bool:
            return await readers("other") == 0

        await waits.until_so(has_moved, 10)
        await it.kube.delete(resources.MESSAGEQUEUETRIGGERS, world.NAME, "default")
        await waits.until_so(is_gone, 10)
