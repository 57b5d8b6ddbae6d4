"""An executor that is killed at any call it makes: the next one finds everything, twice nothing.

Each life of an executor ends at another of its writes, once before the write is sent and once
after, when only the answer is lost. Then a healthy one starts, and the cluster is swept.
"""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

from fission.api import function_types, labels, objects, resources
from fission.executor import app
from fission.executor.poolmgr import pods
from fission.executor.poolmgr import resources as pool_resources
from fission.kube import client as kube_client
from fission.meta import gvk
from fission_http import client as http_client
from tests.integration.executor import world
from tests.support import waiting as waits

POOL_SIZE = 2
WRITES = 5
"""Of a cold start and an update: the fetcher's claim, the record, the Service, the same again."""
BURST = POOL_SIZE + 2
BURST_WRITES = range(1, 4)
"""Of a burst: claims among extra pods that are made."""


class MortalHttp(http_client.Client):
    """Stops for ever at a chosen write, as a killed process would."""

    def __init__(self) -> None:
        super().__init__()
        self.left: int | None = None
        self.sends_last = False
        self.died = asyncio.Event()

    async def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        if self.died.is_set():
            await asyncio.Future()
        if method != "GET" and self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.died.set()
                if self.sends_last:
                    await super().request(method, url, *args, **kwargs)
                await asyncio.Future()
        return await super().request(method, url, *args, **kwargs)


async def one_life(
    here: world.World, number: int, writes: int, sends_last: bool, burst: int
) -> None:
    """A cold start, or a burst of them, and an update of a function, ended at a write."""
    function = await here.create_function(f"fn-{number}", code="one")
    async with MortalHttp() as http:
        kube = kube_client.Client(here.credentials, http=http)
        async with world.executor(kube, http, here.masters, here.settings) as (built, url):
            await waits.until(lambda: ready(built) >= 1, seconds=10.0)
            http.left, http.sends_last = writes, sends_last
            caller = asyncio.ensure_future(live(here, url, function, burst))
            died = asyncio.ensure_future(http.died.wait())
            await asyncio.wait({caller, died}, timeout=3.0, return_when=asyncio.FIRST_COMPLETED)
            for task in (caller, died):
                task.cancel()
            await asyncio.gather(caller, died, return_exceptions=True)
            assert http.died.is_set(), f"it made less than {writes} writes"


async def live(here: world.World, url: str, function: function_types.Function, burst: int) -> None:
    """What callers and the owner of a function do."""
    own = dataclasses.replace(here, url=url)
    for address in await asyncio.gather(*(own.address(function) for _ in range(burst))):
        await own.labelled(address)
    updated = await own.update_function(function.metadata.name, "two")
    await own.labelled(await own.address(updated))


def ready(built: app.App) -> int:
    return sum(int(str(one["ready"])) for one in built.pools.snapshot())


async def test_nothing_is_lost_doubled_or_leaked_wherever_an_executor_dies(
    tmp_path: Path,
) -> None:
    async with world.cluster(tmp_path, extra_pod_idle_seconds=0.0) as first:
        await first.create_environment(poolsize=POOL_SIZE)
        await first.ready_pods(POOL_SIZE)
        await first.stop_executor()
        number = 0
        ends = [(writes, 1) for writes in range(WRITES)]
        for writes, burst in (*ends, *((writes, BURST) for writes in BURST_WRITES)):
            for sends_last in (False, True):
                await one_life(first, number, writes, sends_last, burst)
                number += 1
        async with world.executor(first.kube, first.http, first.masters, first.settings) as (
            built,
            url,
        ):
            here = dataclasses.replace(first, executor=built, url=url)
            for index in range(number):
                function = await here.kube.get(resources.FUNCTIONS, f"fn-{index}", "default")
                await here.address(objects.decode(function_types.Function, function))
            await here.eventually(lambda: holds(here), seconds=20.0)
            for index in range(number):
                await here.kube.delete(resources.FUNCTIONS, f"fn-{index}", "default")
            await here.eventually(lambda: is_clean(here), seconds=20.0)


async def holds(here: world.World) -> bool:
    """No pod runs two functions; what the executor knows is what there is."""
    for pod in here.node.pods.values():
        assert len({load["FunctionMetadata"]["uid"] for load in pod.loads}) <= 1
        assert len({load["FunctionMetadata"]["generation"] for load in pod.loads}) <= 1
    found = await here.list_pods()
    serving = {
        one["metadata"]["uid"] for one in found if labels.SERVED in one["metadata"]["labels"]
    }
    known = {service.pod_uid for service in here.executor.cache.services()}
    return serving == known and len(here.executor.records) == 0


async def is_clean(here: world.World) -> bool:
    """The pool is as its environment says; of functions only pods that drain are left."""
    await here.executor.growth.tidy()
    found = await here.list_pods()
    kept = [one for one in found if not is_draining(one)]
    services = (await here.kube.list(gvk.SERVICES, "default")).items
    ours = [one for one in services if one["metadata"]["name"].startswith("fn-")]
    deployments = (await here.kube.list(gvk.DEPLOYMENTS, "default")).items
    return (
        len(kept) == POOL_SIZE
        and all(pods.is_generic(one) for one in kept)
        and not ours
        and len(deployments) == 1
        and not here.executor.cache.services()
    )


def is_draining(pod: world.Obj) -> bool:
    return pool_resources.DRAIN_UNTIL in (pod["metadata"].get("annotations") or {})
