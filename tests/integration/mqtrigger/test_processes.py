"""Several mqtriggers, and one that is killed."""

from __future__ import annotations

import asyncio
import pathlib
import random

from fission.mqtrigger import config
from fission_http import server
from tests.integration.mqtrigger import world
from tests.support import component, fakerouter
from tests.support import waiting as waits

LIVES = 3
KEYS = 4
PER_LIFE = 8


async def test_one_of_two_reads_and_the_other_goes_on(tmp_path: pathlib.Path) -> None:
    settings = config.Config(namespace="default", leader_election=True)
    async with world.running(tmp_path, settings) as first:
        await first.create()
        second = await first.start_another()
        await first.publish("in", b"0", b"1", key="k")
        await first.until_settled("in")
        await first.stop()
        await first.publish("in", b"2", key="k")
        await first.until_settled("in")
        assert first.bodies == [b"0", b"1", b"2"]
        await second.stop()


async def test_sigkill_loses_nothing_and_keeps_the_order_of_a_key(tmp_path: pathlib.Path) -> None:
    dice = random.Random(5)
    async with world.running(tmp_path, is_started=False) as it:

        async def answer(call: fakerouter.Received) -> server.Response:
            await asyncio.sleep(0.002)
            return server.Response(200, body=call.body)

        it.router.answer = answer
        with component.mqtrigger(
            tmp_path,
            it.socket,
            FISSION_INTERNAL_AUTH_SECRET=(world.MASTERS.current or b"").decode(),
            FISSION_ROUTER_INTERNAL_URL=it.router.url,
            FISSION_STATESTORE_URL=it.served.url,
        ) as process:
            await asyncio.to_thread(process.start)
            await it.create(metadata={"takeoverSeconds": "0.3"}, minReplicaCount=8, maxRetries=9)
            for life in range(LIVES + 1):
                wanted = len(it.router.calls) + dice.randrange(1, KEYS * PER_LIFE)
                for number in range(life * PER_LIFE, (life + 1) * PER_LIFE):
                    for key in range(KEYS):
                        await it.publish("in", b"%d" % number, key=str(key))
                if life < LIVES:
                    await waits.until(lambda: len(it.router.calls) >= wanted, 20)  # noqa: B023
                    await asyncio.to_thread(process.kill)
                    await asyncio.to_thread(process.start)
            await it.until_settled("in")
        for key in range(KEYS):
            seen = [
                int(call.body)
                for call in it.router.calls
                if call.headers["x-fission-mqtrigger-key"] == str(key)
            ]
            assert sorted(set(seen)) == list(range((LIVES + 1) * PER_LIFE))
            assert seen == sorted(seen), "a message came again after its successor"
        for call in it.router.calls:
            assert int(call.headers["x-fission-mqtrigger-attempt"]) <= LIVES + 1
