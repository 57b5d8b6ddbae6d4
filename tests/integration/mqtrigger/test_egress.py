"""Which brokers can be published to follows from the settings, and publishers are told of it."""

from __future__ import annotations

import dataclasses
import pathlib

from fission.contracts import egress
from fission.delivery import statestore_errors
from fission.mqtrigger import config
from tests.integration.mqtrigger import world
from tests.support import waiting as waits


async def _reason(it: world.World) -> str | None:
    try:
        found = await it.store.get(egress.scope(), "nats-jetstream")
    except statestore_errors.NotFound:
        return None
    return egress.decode_state(found.value).reason


async def test_a_broker_that_is_set_is_told_of_until_it_is_set_no_more(
    tmp_path: pathlib.Path,
) -> None:
    settings = config.Config(nats_url="nats://127.0.0.1:1")

    async with world.running(tmp_path, settings) as it:

        async def is_away() -> bool:
            return await _reason(it) == "BrokerUnreachable"

        async def is_forgotten() -> bool:
            return await _reason(it) is None

        await waits.until_so(is_away, 10)
        await it.store.enqueue(egress.queue("nats-jetstream"), b"{}")
        await it.stop()
        assert await is_away()
        bare = dataclasses.replace(it, settings=config.Config(), _app=None)
        await bare.start()
        try:
            await waits.until_so(is_forgotten, 10)
        finally:
            await bare.stop()
        # What waits is kept, for when it is set again.
        assert (await it.store.stats(egress.queue("nats-jetstream"))).visible == 1
