"""Functions with a Deployment of their own: asked for as routers do, on a cluster with pods."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from fission.api import function_types, resources
from fission.contracts import executor as wire
from fission.meta import gvk, objectmeta
from tests.integration.executor import world

KINDS = (gvk.DEPLOYMENTS, gvk.SERVICES, gvk.HORIZONTALPODAUTOSCALERS)
CHOSEN = {"executorType": "newdeploy"}


def strategy(least: int = 0, most: int = 2) -> dict[str, Any]:
    execution = {"ExecutorType": "newdeploy", "MinScale": least, "MaxScale": most}
    return {"StrategyType": "execution", "ExecutionStrategy": execution}


async def objects(here: world.World) -> dict[str, list[dict[str, Any]]]:
    return {
        resource.kind: (await here.kube.list(resource, "default", label_selector=CHOSEN)).items
        for resource in KINDS
    }


async def replicas(here: world.World) -> list[int]:
    return [one["spec"]["replicas"] for one in (await objects(here))["Deployment"]]


async def pods(here: world.World) -> list[dict[str, Any]]:
    found = (await here.kube.list(gvk.PODS, "default", label_selector=CHOSEN)).items
    return [one for one in found if not objectmeta.is_deleting(one)]


async def test_callers_wait_for_one_pod_that_is_made_for_all(tmp_path: Path) -> None:
    async with world.cluster(tmp_path, signed=True) as here:
        await here.create_environment(poolsize=0)
        function = await here.create_function(InvokeStrategy=strategy())
        assert await objects(here) == {
            "Deployment": [],
            "Service": [],
            "HorizontalPodAutoscaler": [],
        }
        answers = await asyncio.gather(*(here.ask(function) for _ in range(5)))
        uid = function.metadata.uid
        assert set(answers) == {(200, f"newdeploy-hello-default-{uid[-17:]}.default")}
        found = await objects(here)
        assert {kind: len(each) for kind, each in found.items()} == dict.fromkeys(found, 1)
        [running] = [one for one in here.node.pods.values() if one.loads]
        assert running.loads[0]["functionName"] == "hello.main"
        assert await replicas(here) == [1]

        async def told() -> bool:
            [deployment] = (await objects(here))["Deployment"]
            return "fission.io/cold-start" in deployment["metadata"]["annotations"]

        await here.eventually(told)


async def test_a_function_that_does_not_load_ends_the_wait_with_its_words(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(poolsize=0)
        function = await here.create_function(code="SyntaxError", InvokeStrategy=strategy())
        code, text = await here.ask(function)
        assert code == 500
        assert "SyntaxError: invalid syntax" in text

        async def not_ready() -> bool:
            found = await here.condition("hello")
            return found.get("reason") == "SpecializationFailed"

        await here.eventually(not_ready)


async def test_an_image_that_cannot_be_had_ends_the_wait_with_its_name(tmp_path: Path) -> None:
    async with world.cluster(tmp_path, hopeless_seconds=0.2) as here:
        here.node.accepts = lambda pod: False
        await here.create_environment(poolsize=0)
        function = await here.create_function(InvokeStrategy=strategy())
        code, text = await here.ask(function)
        assert code == 500
        assert "no image matches nowhere/at-all" in text


async def test_what_the_cluster_refuses_is_told_instead_of_waited_for(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(poolsize=0)
        odd = {"limits": {"cpu": "lots"}}
        function = await here.create_function(InvokeStrategy=strategy(), resources=odd)
        code, text = await here.ask(function)
        assert code == 500
        assert "the cluster refuses what the function asks for" in text
        assert "quantities must match" in text

        async def not_ready() -> bool:
            found = await here.condition("hello")
            return found.get("reason") == "InvalidPodSpec"

        await here.eventually(not_ready)


async def test_least_pods_are_there_before_the_first_call_and_follow_updates(
    tmp_path: Path,
) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(poolsize=0)
        function = await here.create_function(InvokeStrategy=strategy(1))

        async def loaded(count: int) -> bool:
            return len([one for one in here.node.pods.values() if one.loads]) == count

        await here.eventually(lambda: loaded(1))
        before = [pod["metadata"]["name"] for pod in await pods(here)]
        await here.address(function)
        updated = await here.update_function("hello", "hello again")
        await here.address(updated)

        async def replaced() -> bool:
            now = [pod["metadata"]["name"] for pod in await pods(here)]
            return len(now) == 1 and now != before

        await here.eventually(replaced)
        assert {kind: len(each) for kind, each in (await objects(here)).items()} == {
            "Deployment": 1,
            "Service": 1,
            "HorizontalPodAutoscaler": 1,
        }


async def test_an_update_that_does_not_load_leaves_the_old_code_serving(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(poolsize=0)
        function = await here.create_function(InvokeStrategy=strategy(1))
        await here.address(function)
        broken = await here.update_function("hello", "SyntaxError")

        async def warned() -> bool:
            found = (await here.kube.list(gvk.EVENTS, "default")).items
            return any(one["reason"] == "UpdateFailed" for one in found)

        await here.eventually(warned)
        await here.address(broken)
        assert (await here.condition("hello"))["status"] == "True"


async def test_idle_functions_go_to_zero_and_come_back(tmp_path: Path) -> None:
    clock = world.Clock()
    interval = 0.05
    async with world.cluster(
        tmp_path, clock=clock, newdeploy_reaper_interval_seconds=interval
    ) as here:
        await here.create_environment(poolsize=0)
        function = await here.create_function(InvokeStrategy=strategy(), idletimeout=60)
        await here.address(function)
        clock.ahead_seconds += 50
        tap = here.tap_body(function, "127.77.0.2:8888") | {"FnExecutorType": "newdeploy"}
        assert (await here.post(wire.TAP_SERVICES, wire.gojson.encode([tap])))[0] == 200
        clock.ahead_seconds += 50
        assert await replicas(here) == [1]
        clock.ahead_seconds += 20
        await here.eventually(lambda: is_scaled(here, 0))
        await here.address(function)
        assert await replicas(here) == [1]


async def is_scaled(here: world.World, wanted: int) -> bool:
    return await replicas(here) == [wanted]


async def test_a_deployment_that_was_deleted_is_made_anew_and_serves(tmp_path: Path) -> None:
    clock = world.Clock()
    async with world.cluster(tmp_path, clock=clock, newdeploy_reaper_interval_seconds=0.05) as here:
        await here.create_environment(poolsize=0)
        function = await here.create_function(InvokeStrategy=strategy(), idletimeout=60)
        await here.address(function)
        clock.ahead_seconds += 70
        await here.eventually(lambda: is_scaled(here, 0))
        patch = {"spec": {"InvokeStrategy": strategy(1)}}
        await here.kube.patch(resources.FUNCTIONS, "hello", patch, "default")
        await here.eventually(lambda: is_scaled(here, 1))
        [before] = (await objects(here))["Deployment"]
        await here.kube.delete(
            gvk.DEPLOYMENTS, name_of(before), "default", propagation="Background"
        )

        async def is_new() -> bool:
            found = [objectmeta.uid_of(one) for one in (await objects(here))["Deployment"]]
            return bool(found) and found != [objectmeta.uid_of(before)]

        await here.eventually(is_new)
        await here.address(function)


async def test_another_secret_replaces_the_pods(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(poolsize=0)
        secret = {"metadata": {"name": "db", "namespace": "default"}, "stringData": {"a": "1"}}
        await here.kube.create(gvk.SECRETS, {"apiVersion": "v1", "kind": "Secret", **secret})
        named = [{"namespace": "default", "name": "db"}]
        function = await here.create_function(InvokeStrategy=strategy(), secrets=named)
        await here.address(function)
        [before] = [pod["metadata"]["name"] for pod in await pods(here)]
        await here.kube.patch(gvk.SECRETS, "db", {"stringData": {"a": "2"}}, "default")

        async def replaced() -> bool:
            names = [pod["metadata"]["name"] for pod in await pods(here)]
            return len(names) == 1 and before not in names

        await here.eventually(replaced)


async def test_an_executor_goes_on_where_another_was_killed(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(poolsize=0)
        function = await here.create_function(InvokeStrategy=strategy())
        gone = await here.create_function("gone", InvokeStrategy=strategy())
        await here.address(function)
        await here.address(gone)
        before = await objects(here)
        await here.stop_executor()
        # As if it had been killed in the middle of making and of removing.
        name = next(each for each in map(name_of, before["Service"]) if "-hello-" in each)
        await here.kube.delete(gvk.SERVICES, name, "default")
        await orphan(here, gone)
        again = world.executor(here.kube, here.http, here.masters, here.settings)
        async with again as (built, here.url):
            await here.address(function)
            mine = built.snapshot()["executorInstanceId"]

            async def settled() -> bool:
                found = [one for each in (await objects(here)).values() for one in each]
                ids = {one["metadata"]["annotations"]["executorInstanceId"] for one in found}
                return len(found) == len(KINDS) and ids == {mine}

            await here.eventually(settled)
            assert len(await pods(here)) == 1


async def orphan(here: world.World, function: function_types.Function) -> None:
    """Delete a function and nothing else of it."""
    chosen = {"functionName": function.metadata.name}
    for resource in KINDS:
        for one in (await here.kube.list(resource, "default", label_selector=chosen)).items:
            patch = {"metadata": {"ownerReferences": None}}
            await here.kube.patch(resource, name_of(one), patch, "default")
    await here.kube.delete(resources.FUNCTIONS, function.metadata.name, "default")


def name_of(obj: dict[str, Any]) -> str:
    return objectmeta.name_of(obj)
