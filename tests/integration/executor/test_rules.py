"""Rules of a pool that take more than one pod to see: retained pods, a size that changes in use,
functions that share a pod of an environment that changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fission.api import resources
from fission.meta import gvk
from tests.integration.executor import world


async def test_retained_pods_outlive_their_idleness_the_last_used_ones(tmp_path: Path) -> None:
    clock = world.Clock()
    async with world.cluster(tmp_path, clock=clock, reaper_interval_seconds=0.05) as here:
        await here.create_environment(poolsize=3)
        await here.ready_pods(3)
        function = await here.create_function(idletimeout=60, retainPods=1)
        addresses = [await here.address(function) for _ in range(3)]
        for address in addresses:
            await here.labelled(address)
        for address in (addresses[0], addresses[2], addresses[1]):
            clock.ahead_seconds += 1
            await here.untap(function, address)
        clock.ahead_seconds += 70

        async def one_is_left() -> bool:
            return [one.address for one in here.executor.cache.services()] == [addresses[1]]

        await here.eventually(one_is_left)
        clock.ahead_seconds += 1000
        await here.executor.reaper.reap()
        assert await one_is_left()
        assert await here.address(function) == addresses[1]


async def test_a_pool_that_is_made_smaller_in_use_cuts_nobody_off(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        here.node.lingers = True
        await here.create_environment(poolsize=4)
        await here.ready_pods(4)
        function = await here.create_function()
        for size in (1, 3, 0):
            asking = [asyncio.ensure_future(here.address(function)) for _ in range(3)]
            spec = {"spec": {"poolsize": size}}
            await here.kube.patch(resources.ENVIRONMENTS, "python", spec, "default")
            addresses = await asyncio.gather(*asking)
            assert {await here.call(address) for address in addresses} == {"hello"}

        async def has_no_pool() -> bool:
            pools = (await here.kube.list(gvk.DEPLOYMENTS, "default")).items
            return not pools and not (await here.kube.list(gvk.REPLICASETS, "default")).items

        await here.eventually(has_no_pool)
        # Of the pods that were given out in the moment of a change some are going; they answer yet.
        assert {await here.call(one.address) for one in here.executor.cache.services()} == {"hello"}


async def test_functions_that_share_a_pod_move_with_their_environment(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(allowedFunctionsPerContainer="infinite")
        functions = [await here.create_function(name, code=name) for name in ("one", "two")]
        (old,) = {await here.address(each) for each in functions}
        spec = {"runtime": {"image": "fission/python-env-3.12"}}
        await here.kube.patch(resources.ENVIRONMENTS, "python", {"spec": spec}, "default")

        async def has_moved() -> bool:
            found = await here.list_pods()
            images = {one["spec"]["containers"][0]["image"] for one in found}
            return images == {"fission/python-env-3.12"} and len(found) == 1

        while not await has_moved():
            for each in functions:
                code, text = await here.ask(each)
                assert code == 200, text
                await here.untap(each, text)
        addresses = {await here.address(each) for each in functions}
        assert len(addresses) == 1
        assert old not in addresses
        loaded = {one["FunctionMetadata"]["uid"] for one in await loads(here)}
        assert loaded == {each.metadata.uid for each in functions}


async def loads(here: world.World) -> list[world.Obj]:
    """What the pods that are there have loaded."""
    there = {one["metadata"]["uid"] for one in await here.list_pods()}
    return [load for uid, pod in here.node.pods.items() if uid in there for load in pod.loads]
