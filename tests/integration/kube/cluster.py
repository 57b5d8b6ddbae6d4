"""An API server with reconcilers and scheduler beside it, and a node whose pods run by word.

There is no kubelet: ``make_ready`` writes the status that one would write.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from fission.base import clock as clocks
from fission.cluster.reconcilers import run as reconcilers
from fission.cluster.scheduler import run as scheduler
from fission.kube import client, config
from fission.meta import gvk
from tests.support import apiserver

Obj = dict[str, Any]


@contextlib.asynccontextmanager
async def a_client() -> AsyncIterator[client.Client]:
    """A client of a fresh API server, nothing else."""
    async with apiserver.running() as running:
        credentials = config.load({"KUBE_API_SOCKET": running.socket})
        async with client.Client(credentials) as kube:
            yield kube


@contextlib.asynccontextmanager
async def a_cluster(*, node: bool = True) -> AsyncIterator[client.Client]:
    """The same with everything that reconciles and schedules."""
    async with apiserver.running() as running:
        env = {"KUBE_API_SOCKET": running.socket, "CLUSTER_CA_FILE": running.ca}
        tasks = [
            asyncio.create_task(reconcilers.background(env)),
            asyncio.create_task(scheduler.background(env)),
        ]
        try:
            async with client.Client(config.load(env)) as kube:
                if node:
                    await add_node(kube)
                yield kube
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(one, asyncio.CancelledError) for one in outcomes), outcomes


async def add_node(kube: client.Client, name: str = "node-1", cpu: str = "4") -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
    made = await kube.create(gvk.NODES, node)
    amounts = {"cpu": cpu, "memory": "4Gi", "pods": "100"}
    condition = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "up"}
    made["status"] = {"allocatable": amounts, "capacity": amounts, "conditions": [condition]}
    await kube.replace_status(gvk.NODES, made)


async def make_ready(kube: client.Client, pod: Obj, address: str = "127.1.0.1") -> None:
    """What a kubelet would write when the pod's containers run."""
    now = clocks.format_rfc3339(clocks.SystemClock().now())
    condition = {"type": "Ready", "status": "True", "lastTransitionTime": now}
    status = {"phase": "Running", "podIP": address, "conditions": [condition]}
    await kube.patch(
        gvk.PODS,
        pod["metadata"]["name"],
        {"status": status},
        pod["metadata"]["namespace"],
        kind="strategic",
        subresource="status",
    )


async def run_pods(kube: client.Client, namespace: str = "default") -> None:
    """A kubelet in a nutshell: bound pods become ready, deleted ones go. Until cancelled."""
    number = 0
    async for event in kube.watch(gvk.PODS, namespace):
        pod = event.object
        if event.type not in ("ADDED", "MODIFIED"):
            continue
        if pod["metadata"].get("deletionTimestamp"):
            name = pod["metadata"]["name"]
            await kube.delete(gvk.PODS, name, namespace, grace_period_seconds=0)
        elif pod["spec"].get("nodeName") and pod["status"]["phase"] == "Pending":
            number += 1
            await make_ready(kube, pod, f"127.1.0.{number}")


@contextlib.asynccontextmanager
async def running_pods(kube: client.Client) -> AsyncIterator[None]:
    task = asyncio.create_task(run_pods(kube))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def eventually(
    probe: Callable[[], Awaitable[Any]], holds: Callable[[Any], object] = bool, seconds: float = 30
) -> Any:
    """Ask until the answer is the wanted one."""
    seen = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                seen = await probe()
                if holds(seen):
                    return seen
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"it did not come; last seen: {seen}") from None


def a_deployment(name: str = "web", replicas: int = 2, image: str = "web:1", **spec: Any) -> Obj:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "containers": [
                        {
                            "name": "web",
                            "image": image,
                            "ports": [{"name": "http", "containerPort": 8080}],
                        }
                    ],
                    "terminationGracePeriodSeconds": 0,
                },
            },
            **spec,
        },
    }
