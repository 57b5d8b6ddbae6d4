"""An executor that was killed: nothing is forgotten, nothing is loaded twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from fission.api import resources
from fission.meta import gvk
from tests.integration.executor import world
from tests.support import waiting as waits


@contextlib.asynccontextmanager
async def another_executor(here: world.World, **settings: object) -> AsyncIterator[None]:
    """Run a second executor on the cluster and speak to it instead of the first."""
    chosen = here.settings
    first = (here.executor, here.url)
    async with world.executor(here.kube, here.http, here.masters, chosen) as (built, url):
        here.executor, here.url = built, url
        yield
    here.executor, here.url = first


async def test_a_specialized_pod_is_adopted_by_its_labels(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function()
        address = await here.address(function)
        pod = await here.labelled(address)
        async with another_executor(here):
            assert await here.address(function) == address
            (running,) = [
                one for one in here.node.pods.values() if one.name == pod["metadata"]["name"]
            ]
            assert len(running.loads) == 1

            async def is_ours() -> bool:
                annotations = (await here.labelled(address))["metadata"]["annotations"]
                mine = here.executor.snapshot()["executorInstanceId"]
                return bool(annotations["executorInstanceId"] == mine)

            await here.eventually(is_ours)


async def test_a_pod_whose_labels_were_never_written_is_adopted_by_its_claim(
    tmp_path: Path,
) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function()
        address = await here.address(function)
        pod = await here.labelled(address)
        name = pod["metadata"]["name"]
        # As if the first executor had been killed between its answer and the labels.
        labels = {
            label: None
            for label in pod["metadata"]["labels"]
            if label.startswith("function") or label.startswith("fission.io/function")
        }
        # Without its hash the ReplicaSet, which has a replacement by now, does not take it back.
        labels |= {"managed": "true", "fission.io/served": None, "pod-template-hash": None}
        patch = {"metadata": {"labels": labels, "annotations": {"svcHost": None}}}
        blind = here.executor
        blind.pods.queue.add = lambda key: None  # type: ignore[method-assign]
        await here.kube.patch(gvk.PODS, name, patch, "default")
        async with another_executor(here):
            found = await here.labelled(address)
            assert found["metadata"]["name"] == name
            assert found["metadata"]["labels"]["functionUid"] == function.metadata.uid
            assert await here.address(function) == address


async def test_pods_of_what_was_deleted_meanwhile_are_deleted(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function()
        await here.labelled(await here.address(function))
        here.executor.pods.queue.add = lambda key: None  # type: ignore[method-assign]
        await here.kube.delete(resources.FUNCTIONS, "hello", "default")
        async with another_executor(here):

            async def is_gone() -> bool:
                return not await here.list_pods(functionUid=function.metadata.uid)

            await here.eventually(is_gone)


async def test_two_executors_never_load_two_functions_into_one_pod(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(poolsize=3)
        one = await here.create_function("one", code="one")
        two = await here.create_function("two", code="two")
        await here.ready_pods(3)
        first = here.url
        async with another_executor(here):
            second = here.url
            await waits.until(lambda: here.executor.pools.snapshot()[0]["ready"] == 3)

            async def ask(url: str, function: object) -> str:
                here.url = url
                return await here.address(function)  # type: ignore[arg-type]

            addresses = await asyncio.gather(ask(first, one), ask(second, two))
            assert addresses[0] != addresses[1]
            assert await here.call(addresses[0]) == "one"
            assert await here.call(addresses[1]) == "two"
        for pod in here.node.pods.values():
            assert len({load["FunctionMetadata"]["uid"] for load in pod.loads}) <= 1


async def test_an_environment_and_its_pool_go_together(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        environment = await here.create_environment()
        function = await here.create_function()
        await here.labelled(await here.address(function))
        (pool,) = (await here.kube.list(gvk.DEPLOYMENTS, "default")).items
        version = environment["metadata"]["resourceVersion"]
        assert pool["metadata"]["name"] == f"poolmgr-python-default-{version}"
        await here.kube.delete(resources.ENVIRONMENTS, "python", "default")

        async def is_gone() -> bool:
            pools = (await here.kube.list(gvk.DEPLOYMENTS, "default")).items
            return not pools and not await here.list_pods()

        await here.eventually(is_gone)


async def test_an_updated_environment_replaces_its_pods_in_the_same_pool(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function()
        old = await here.address(function)
        await here.labelled(old)
        (before,) = (await here.kube.list(gvk.DEPLOYMENTS, "default")).items
        spec = {"runtime": {"image": "fission/python-env-3.12"}}
        here.node.accepts = lambda pod: False
        await here.kube.patch(resources.ENVIRONMENTS, "python", {"spec": spec}, "default")
        await waits.until(
            lambda: any(
                one["spec"]["containers"][0]["image"].endswith("3.12")
                for one in here.executor.catalog.pods.lister.list()
            )
        )
        # The pool has none of the new runtime yet: the old one goes on.
        await here.untap(function, old)
        assert await here.address(function) == old
        here.node.accepts = lambda pod: True
        for pod in await here.list_pods(managed="true"):
            metadata = pod["metadata"]
            if not pod.get("status", {}).get("podIP"):
                await here.kube.delete(gvk.PODS, metadata["name"], metadata["namespace"])

        async def is_drained() -> bool:
            return "fission.io/served" not in (await here.labelled(old))["metadata"]["labels"]

        await here.eventually(is_drained)
        new = await here.address(function)
        pod = await here.labelled(new)
        images = {c["name"]: c["image"] for c in pod["spec"]["containers"]}
        assert images["python"] == "fission/python-env-3.12"
        (after,) = (await here.kube.list(gvk.DEPLOYMENTS, "default")).items
        assert after["metadata"]["uid"] == before["metadata"]["uid"]


async def test_a_pool_of_another_size_is_scaled_and_keeps_its_pods(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment(poolsize=1)
        await here.ready_pods(1)
        before = {pod["metadata"]["uid"] for pod in await here.list_pods()}
        await here.kube.patch(
            resources.ENVIRONMENTS, "python", {"spec": {"poolsize": 3}}, "default"
        )
        await here.ready_pods(3)
        after = {pod["metadata"]["uid"] for pod in await here.list_pods()}
        assert before < after
