"""Pods that are specialized ahead of requests: kept, replaced, adopted, given up again."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from fission.api import resources
from fission.base import clock as clocks
from fission.meta import gvk
from tests.integration.executor import test_restart, world

Obj = dict[str, Any]


def a_block(target: int, *windows: Obj) -> Obj:
    return {"target": target, "windows": list(windows)} if windows else {"target": target}


async def provisioned(here: world.World, count: int, generation: int = 1) -> list[Obj]:
    """Wait until exactly so many pods are kept and the status says so."""

    async def there() -> list[Obj]:
        found = await here.list_pods(**{"fission.io__provisioned": "true"})
        live = [
            pod
            for pod in found
            if not pod["metadata"].get("deletionTimestamp")
            and pod["metadata"]["labels"]["fission.io/function-generation"] == str(generation)
        ]
        told = (await here.kube.get(resources.FUNCTIONS, "hello", "default")).get("status") or {}
        is_told = told.get("provisionedReady", 0) == count
        return live if len(live) == len(found) == count and is_told else []

    if count:
        return list(await here.eventually(there))

    async def none() -> bool:
        return not await here.list_pods(**{"fission.io__provisioned": "true"})

    await here.eventually(none)
    return []


async def patch(here: world.World, **spec: Any) -> None:
    await here.kube.patch(resources.FUNCTIONS, "hello", {"spec": spec}, "default")


async def test_pods_are_there_before_the_first_request_and_stay(tmp_path: Path) -> None:
    async with world.cluster(tmp_path, reaper_interval_seconds=0.05) as here:
        await here.create_environment()
        function = await here.create_function(
            idletimeout=0, provisionedConcurrency=a_block(2), requestsPerPod=1
        )
        kept = await provisioned(here, 2)
        said = await here.condition("hello", "Provisioned")
        assert (said["status"], said["reason"]) == ("True", "Provisioned")
        addresses = {await here.address(function), await here.address(function)}
        assert addresses == {pod["metadata"]["annotations"]["svcHost"] for pod in kept}
        third = await here.address(function)  # beyond them: an ordinary cold start
        assert third not in addresses
        for address in (*addresses, third):
            await here.untap(function, address)

        async def is_reaped() -> bool:
            labels = (await here.labelled(third))["metadata"]["labels"]
            return "fission.io/served" not in labels

        await here.eventually(is_reaped)
        assert {one["metadata"]["uid"] for one in await provisioned(here, 2)} == {
            one["metadata"]["uid"] for one in kept
        }

        # One that dies is replaced; fewer are given back; none when the block goes.
        victim = kept[0]["metadata"]
        await here.kube.delete(gvk.PODS, victim["name"], "default", grace_period_seconds=0)
        replaced = await provisioned(here, 2)
        assert victim["uid"] not in {one["metadata"]["uid"] for one in replaced}
        await patch(here, provisionedConcurrency=None)
        await provisioned(here, 0)

        async def is_silent() -> bool:
            found = await here.kube.get(resources.FUNCTIONS, "hello", "default")
            names = {one["type"] for one in found["status"]["conditions"]}
            return "Provisioned" not in names and "provisionedTarget" not in found["status"]

        await here.eventually(is_silent)


async def test_new_code_is_warmed_and_a_successor_keeps_the_same_pods(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        function = await here.create_function(code="one", provisionedConcurrency=a_block(2))
        await provisioned(here, 2)
        function = await here.update_function("hello", "two")
        kept = await provisioned(here, 2, function.metadata.generation)
        uids = {one["metadata"]["uid"] for one in kept}
        async with test_restart.another_executor(here):
            await provisioned(here, 2, function.metadata.generation)
            assert await here.call(await here.address(function)) == "two"
            await here.address(function)
            found = await here.list_pods(functionUid=function.metadata.uid)
            served = {
                pod["metadata"]["uid"]
                for pod in found
                if pod["metadata"]["labels"].get("fission.io/served")
            }
            assert served == uids


async def test_a_window_opens_as_far_as_the_cap_and_closes(tmp_path: Path) -> None:
    class Shifted(world.Clock):
        shift = datetime.timedelta()

        def now(self) -> datetime.datetime:
            return super().now() + self.shift

    clock = Shifted()
    opens = clocks.SystemClock().now() + datetime.timedelta(hours=3)
    window = {
        "name": "rush",
        "start": f"{opens.minute} {opens.hour} {opens.day} {opens.month} *",
        "duration": "1h",
        "target": 3,
    }
    async with world.cluster(tmp_path, clock=clock, provisioned_max_per_function=2) as here:
        await here.create_environment()
        await here.create_function(provisionedConcurrency=a_block(1, window))
        await provisioned(here, 1)
        for hours, count, reason in ((3, 2, "ProvisionedClamped"), (5, 1, "Provisioned")):
            clock.shift = datetime.timedelta(hours=hours)
            here.executor.provisioning.queue.add("default/hello")  # what its timer does then
            await provisioned(here, count)
            assert (await here.condition("hello", "Provisioned"))["reason"] == reason
            found = await here.kube.get(resources.FUNCTIONS, "hello", "default")
            assert found["status"]["provisionedTarget"] == count
            assert found["status"]["provisionedSpecTarget"] == (3 if hours == 3 else 1)


async def test_code_that_does_not_load_is_not_tried_in_a_storm(tmp_path: Path) -> None:
    async with world.cluster(tmp_path) as here:
        await here.create_environment()
        await here.create_function(code="SyntaxError", provisionedConcurrency=a_block(5))

        async def has_failed() -> bool:
            found = await here.condition("hello", "Provisioned")
            return bool(found.get("reason") == "ProvisioningFailed")

        await here.eventually(has_failed)
        assert here.executor.provisioning.failed <= 5
        assert "SyntaxError" in (await here.condition("hello", "Provisioned"))["message"]
        # A change is tried at once.
        function = await here.update_function("hello", "better")
        await provisioned(here, 5, function.metadata.generation)
