"""Wiring of the scheduler; runs as a task of whoever has an event loop and an API server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from fission.base import clock as clocks
from fission.cluster.scheduler import binder, facts
from fission.kube import client, config, events, informer
from fission.meta import gvk


async def background(env: Mapping[str, str]) -> None:
    """Schedule until cancelled; ``env`` says where the API server is (``KUBE_API_SOCKET``)."""
    clock = clocks.SystemClock()
    async with client.Client(config.load(env), user_agent="fission-scheduler") as kube:
        pods = informer.Informer(kube, gvk.PODS, decode=facts.pod_facts)
        nodes = informer.Informer(kube, gvk.NODES, decode=facts.node_facts)
        recorder = events.Recorder(kube, facts.DEFAULT_SCHEDULER, clock=clock)
        scheduling = binder.Binder(kube, pods, nodes, recorder, clock)
        async with asyncio.TaskGroup() as group:
            group.create_task(pods.run(), name="informer-pods")
            group.create_task(nodes.run(), name="informer-nodes")
            group.create_task(recorder.run(), name="events")
            await pods.wait_synced(None)
            await nodes.wait_synced(None)
            group.create_task(scheduling.run(), name="scheduler")
