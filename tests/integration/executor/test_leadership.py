"""Of two executors one acts, and one that was stopped for too long does not act any more."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from pathlib import Path

import pytest

from fission.base import clock as clocks
from fission.executor import errors
from fission.meta import gvk
from tests.integration.executor import world
from tests.support import waiting as waits


class PausedClock:
    """The system's clock as a process sees it that was stopped meanwhile."""

    def __init__(self) -> None:
        self._clock = clocks.SystemClock()
        self.paused_seconds = 0.0

    def now(self) -> datetime.datetime:
        return self._clock.now() + datetime.timedelta(seconds=self.paused_seconds)

    def monotonic(self) -> float:
        return self._clock.monotonic() + self.paused_seconds


async def test_one_of_two_executors_acts_and_the_other_takes_over(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as first:
        await first.create_environment()
        function = await first.create_function()
        assert first.stop_executor is not None
        await first.stop_executor()
        await first.kube.create(
            gvk.NAMESPACES,
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fission"}},
        )
        settings = dataclasses.replace(first.settings, leader_election=True)
        clock = PausedClock()
        parts = (first.kube, first.http, first.masters, settings)
        async with contextlib.AsyncExitStack() as life:
            leader, url = await life.enter_async_context(world.executor(*parts, clock=clock))
            here = dataclasses.replace(first, executor=leader, url=url)
            address = await here.address(function)
            await here.labelled(address)
            async with world.executor(*parts, is_follower=True) as (follower, other_url):
                other = dataclasses.replace(first, executor=follower, url=other_url)
                assert await other.ask(function) == (
                    503,
                    "this executor is not the one that acts; another has the lease",
                )

                # Stopped for longer than the lease lasts: what it does next is refused before any
                # task of its own has noticed. Nobody took the lease, so it goes on once renewed.
                clock.paused_seconds = 20.0
                with pytest.raises(errors.NotLeader):
                    await leader.leadership.client.delete(gvk.PODS, "any", "default")
                assert (await here.ask(function))[0] == 503
                await waits.until(lambda: leader.leadership.is_ours, seconds=10.0)

                await life.aclose()
                await waits.until(lambda: follower.is_ready, seconds=10.0)
                assert await other.address(function) == address
