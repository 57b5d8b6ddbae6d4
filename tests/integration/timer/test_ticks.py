"""Ticks on their way to functions: when, what, how often, and what is said about them."""

from __future__ import annotations

import asyncio

from fission.api import labels, resources
from fission.meta import conditions
from fission_http import server
from tests.integration.timer import world
from tests.support import fakerouter, kinds
from tests.support import waiting as waits


async def test_a_trigger_calls_its_function_at_the_instant_and_says_so() -> None:
    async with world.cluster() as here, here.timer():
        await here.create("tick", "* * * * * *", method="PUT", subpath="/a?b=1")
        await waits.until(lambda: len(here.router.calls) >= 2)
        call = here.router.calls[0]
        assert (call.method, call.target, call.body) == ("PUT", "/fission-function/hello/a?b=1", b"")
        assert call.headers["x-fission-timer-name"] == "tick"
        instants = here.instants("tick")
        assert len(set(instants)) == len(instants)
        for one in here.router.calls:
            scheduled = one.headers["x-fission-timer-scheduled-at"]
            due_at = world.clocks.parse_rfc3339(scheduled).timestamp()
            assert 0 <= one.at - due_at < 0.5
        found = await here.eventually("tick", cron="* * * * * *")
        assert conditions.get(found["conditions"], "Ready")["status"] == "True"  # type: ignore[index]
        await waits.until_so(lambda: _delivered(here, "tick"))


async def _delivered(here: world.World, name: str) -> bool:
    found = await here.status(name)
    return (found.get("delivery") or {}).get("delivered", 0) > 0
