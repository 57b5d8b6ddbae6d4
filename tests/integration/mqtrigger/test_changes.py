"""Restarts, changes of the trigger and of what it needs."""

from __future__ import annotations

import asyncio
import base64
import pathlib

import pytest

from fission.api import resources
from fission.base import clock as clocks
from fission.meta import gvk
from fission.mqtrigger.drivers import base, statestore
from fission_http import server
from tests.integration.mqtrigger import world
from tests.support import fakerouter, statestores
from tests.support import waiting as waits


async def test_a_restart_finishes_what_runs_and_loses_nothing(tmp_path: pathlib.Path) -> None:
    async with world.running(tmp_path) as it:
        await it.create(respTopic="out")
        going = asyncio.Event()

        async def slow(call: fakerouter.Received) -> server.Response:
            await going.wait()
            return server.Response(200, body=call.body)

        it.router.answer = slow
        await it.publish("in", b"0", b"1", key="k")
        await waits.until(lambda: it.bodies)
        stopping = asyncio.ensure_future(it.stop())
        await asyncio.sleep(0)
        going.set()
        await stopping
        assert [event.payload for event in await it.read("out", 1)] == [b"0"]
        assert it.bodies == [b"0"]

        await it.publish("in", b"2", key="k")
        await it.start()
        await it.until_settled("in")
        assert it.bodies == [b"0", b"1", b"2"]
        assert it.router.calls[1].headers["x-fission-mqtrigger-attempt"] == "2"


async def test_who_is_stopped_twice_finishes_what_runs_all_the_same(tmp_path: pathlib.Path) -> None:
    async with world.running(tmp_path) as it:
        await it.create(respTopic="out")
        going = asyncio.Event()

        async def slow(call: fakerouter.Received) -> server.Response:
            await going.wait()
            return server.Response(200, body=call.body)

        it.router.answer = slow
        await it.publish("in", b"0")
        await waits.until(lambda: it.bodies)
        asyncio.get_running_loop().call_later(0.2, going.set)
        await it.stop(again=True)
        assert [event.payload for event in await it.read("out", 1)] == [b"0"]
        await it.start()
        await it.until_settled("in")
        assert it.bodies == [b"0"]


async def test_statestore_comes_and_goes(tmp_path: pathlib.Path) -> None:
    async with world.running(tmp_path) as it:
        await it.create()
        await it.publish("in", b"a")
        await waits.until(lambda: it.bodies)
        await it.served.stop()
        condition = await it.until_reason("BrokerUnreachable")
        assert (condition["status"], "statestore" in condition["message"]) == ("False", True)
        await it.served.start()
        await it.until_ready()
        await it.publish("in", b"b")
        await it.until_settled("in")
        assert it.bodies[-1] == b"b"


async def test_an_update_takes_effect_and_a_deleted_trigger_reads_no_more(
    tmp_path: pathlib.Path,
) -> None:
    async with world.running(tmp_path) as it:
        await it.create()
        await it.update(functionref={"name": "other"})
        await it.until_ready()
        await it.publish("in", b"a")
        await it.until_settled("in")
        assert [call.target for call in it.router.calls] == ["/fission-function/other"]
        await it.kube.delete(resources.MESSAGEQUEUETRIGGERS, world.NAME, "default")
        await it.create("second")
        await it.publish("in", b"b")
        await it.until_settled("in", "second")
        assert it.bodies == [b"a", b"b"]


async def test_a_secret_that_is_missing_is_named_and_waited_for(tmp_path: pathlib.Path) -> None:
    async with world.running(tmp_path) as it:
        await it.create(ready=False, secret="keys")
        condition = await it.until_reason("SecretMissing")
        assert condition["message"] == "spec.secret: there is no Secret default/keys"
        secret = {
            "metadata": {"name": "keys", "namespace": "default"},
            "data": {"password": base64.b64encode(b"x").decode()},
        }
        await it.kube.create(gvk.SECRETS, {"apiVersion": "v1", "kind": "Secret", **secret})
        await it.until_ready()


async def test_types_that_nobody_reads_are_told(tmp_path: pathlib.Path) -> None:
    async with world.running(tmp_path) as it:
        await it.create(ready=False, messageQueueType="stan", mqtkind="keda")
        condition = await it.until_reason("NotOwned")
        assert "stan needs KEDA" in condition["message"]
        await it.create("two", ready=False, topic="-x")
        assert "-x" in (await it.until_reason("Misconfigured", "two"))["message"]


async def test_a_reader_that_died_is_replaced_and_can_settle_no_more(
    tmp_path: pathlib.Path,
) -> None:
    async with statestores.running(tmp_path) as served:
        connector = statestore.Connector(served.client(), clocks.SystemClock())
        settings = base.Settings("statestore", "", {"takeoverSeconds": "0.3"}, {})
        dead = await connector.connect(base.Settings("statestore", "", {}, {}))
        first = await dead.subscribe("in", "group")  # as silent as the dead: it renews later
        await dead.publish("in", b"a", {})
        (held,) = await first.receive(10, 5.0)
        driver = await connector.connect(settings)
        second = await driver.subscribe("in", "group")
        async with asyncio.timeout(10):
            while not (found := await second.receive(10, 1.0)):
                pass
        assert [(one.body, one.position, one.attempt) for one in found] == [
            (b"a", held.position, 2)
        ]
        with pytest.raises(base.Lost):
            await first.settle(held)
        await second.settle(found[0])
        assert await second.lag() == 0
        await driver.close()
        await dead.close()
