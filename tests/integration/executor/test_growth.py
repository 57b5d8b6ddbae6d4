"""A pool without pods, or with too few, grows for who waits, and shrinks again."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from fission.api import environment_types, resources
from fission.executor.poolmgr import pool
from fission.meta import gvk
from tests.integration.executor import world
from tests.support import waiting as waits


async def test_a_pool_of_size_0_makes_a_pod_for_each_request(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(poolsize=0)
        function = await here.create_function()
        addresses = await asyncio.gather(*(here.address(function) for _ in range(3)))
        assert len(set(addresses)) == 3
        assert not (await here.kube.list(gvk.DEPLOYMENTS, "default")).items
        assert len(await here.list_pods()) == 3


async def test_a_burst_gets_pods_beyond_the_pool_and_leaves_the_pool_as_it_was(
    tmp_path: Path,
) -> None:
    async with world.cluster(tmp_path, extra_pod_idle_seconds=0.0) as here:
        await here.create_environment(poolsize=2)
        function = await here.create_function()
        await here.ready_pods(2)
        addresses = await asyncio.gather(*(here.address(function) for _ in range(7)))
        assert len(set(addresses)) == 7

        async def has_settled() -> bool:
            generic = await here.list_pods(managed="true")
            await here.executor.growth.tidy()
            return len(generic) == 2

        await here.eventually(has_settled)
        assert {await here.call(one) for one in addresses} == {"hello"}
        (pool,) = (await here.kube.list(gvk.DEPLOYMENTS, "default")).items
        assert pool["spec"]["replicas"] == 2


async def test_a_burst_beside_a_first_call_grows_one_by_one(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(poolsize=3)
        other, burst = await here.create_function("other"), await here.create_function("burst")
        await here.ready_pods(3)
        await here.address(other)
        await here.ready_pods(3)
        wants: list[tuple[int, float]] = []
        grow = here.executor.pools.on_want

        def told(environment: environment_types.Environment, count: int) -> None:
            wants.append((count, time.monotonic()))
            grow(environment, count)

        here.executor.pools.on_want = told
        asking = [asyncio.ensure_future(here.address(burst)) for _ in range(12)]
        await waits.until(lambda: len(wants) >= 2)
        (first, began), (second, went_on) = wants[:2]
        assert (first, second) == (1, 1)
        assert went_on - began >= pool.GENTLE_EVERY_SECONDS * 0.9
        assert len(set(await asyncio.gather(*asking))) == 12


async def test_extra_pods_go_with_their_environment(tmp_path: Path) -> None:
    async with world.cluster(tmp_path, hopeless_seconds=0.2) as here:
        here.node.accepts = lambda pod: "fission.io/pool-extra" not in pod["metadata"]["labels"]
        await here.create_environment(poolsize=0)
        function = await here.create_function()
        asking = asyncio.ensure_future(here.ask(function))
        await here.eventually(here.list_pods)
        await here.kube.delete(resources.ENVIRONMENTS, "python", "default")

        async def is_gone() -> bool:
            await here.executor.growth.tidy()
            return not await here.list_pods()

        await here.eventually(is_gone)
        assert (await asking)[0] == 500
        await waits.until(lambda: here.executor.pools.snapshot() == [])


async def test_an_environment_may_begin_to_share_its_pods(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(poolsize=1)
        await here.ready_pods(1)
        shared = {"spec": {"allowedFunctionsPerContainer": "infinite"}}
        await here.kube.patch(resources.ENVIRONMENTS, "python", shared, "default")
        one, two = [await here.create_function(name) for name in ("one", "two")]
        assert await here.address(one) == await here.address(two)
