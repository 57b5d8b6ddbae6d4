"""Another executor type for a function in use: the new serves before the old goes."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

from fission.api import function_types, objects, resources
from fission.meta import gvk, podstate
from tests.integration.executor import world

TYPES = (function_types.POOLMGR, function_types.NEWDEPLOY, function_types.CONTAINER)
CONTAINER = {"image": "own", "ports": [{"containerPort": 8888}]}
PODSPEC = {"containers": [{"name": "hello", **CONTAINER}]}


def strategy(executor_type: str) -> dict[str, Any]:
    execution = {"ExecutorType": executor_type, "MinScale": 0, "MaxScale": 1}
    return {"StrategyType": "execution", "ExecutionStrategy": execution}


async def switch(here: world.World, executor_type: str) -> function_types.Function:
    spec = {"InvokeStrategy": strategy(executor_type)}
    spec["podspec"] = PODSPEC if executor_type == function_types.CONTAINER else None
    patched = await here.kube.patch(resources.FUNCTIONS, "hello", {"spec": spec}, "default")
    return objects.decode(function_types.Function, patched)


async def serving(here: world.World, function: function_types.Function) -> set[str]:
    """The executor types of the function's pods to which a router would send requests."""
    return {
        pod["metadata"]["labels"]["executorType"]
        for pod in await here.list_pods(functionUid=function.metadata.uid)
        if podstate.is_ready(pod) and "fission.io/drain-until" not in annotations_of(pod)
    }


def annotations_of(pod: world.Obj) -> dict[str, str]:
    return pod["metadata"].get("annotations") or {}


@pytest.mark.parametrize(("old", "new"), list(itertools.permutations(TYPES, 2)))
async def test_a_function_is_served_all_the_while(tmp_path: Path, old: str, new: str) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(poolsize=1)
        await here.create_function(InvokeStrategy=strategy(function_types.POOLMGR))
        function = await switch(here, old)
        await here.address(function)

        async def serves(executor_type: str) -> bool:
            return await serving(here, function) == {executor_type}

        await here.eventually(lambda: serves(old))
        function = await switch(here, new)
        async with asyncio.timeout(15):
            while (types := await serving(here, function)) != {new}:
                assert types
                await asyncio.sleep(0.01)
        await here.address(function)


async def test_if_the_new_type_does_not_come_up_the_old_one_serves_on(tmp_path: Path) -> None:
    async with world.cluster(tmp_path, hopeless_seconds=0.1) as here:
        await here.create_environment(poolsize=1)
        function = await here.create_function()
        address = await here.address(function)
        await here.labelled(address)
        here.node.accepts = lambda pod: False
        function = await switch(here, function_types.NEWDEPLOY)

        async def told() -> list[world.Obj]:
            found = (await here.kube.list(gvk.EVENTS, "default")).items
            return [one for one in found if one["reason"] == "UpdateFailed"]

        (event,) = await here.eventually(told)
        assert "pods of the executor type before newdeploy serve on" in event["message"]
        assert "no image matches" in event["message"]
        assert await serving(here, function) == {function_types.POOLMGR}
        # Back to what works: nothing was lost on the way.
        function = await switch(here, function_types.POOLMGR)
        here.node.accepts = lambda pod: True
        assert await here.call(await here.address(function)) == "hello"
