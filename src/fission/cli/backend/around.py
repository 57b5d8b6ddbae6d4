"""What is around our objects: pods, deployments, events. Read from the Kubernetes API, or from the
paths of it that the controller passes on; both are the same client."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib import parse

from fission.api import labels
from fission.cli.backend import http, protocol
from fission.kube import client as kube_client
from fission.meta import gvk, status

Obj = dict[str, Any]


async def function_pods(client: kube_client.Client, function: Obj) -> list[Obj]:
    """Pods that run a function."""
    metadata = function["metadata"]
    return await _pods(client, {labels.FUNCTION_UID: metadata["uid"]}, metadata["namespace"])


async def environment_pods(
    client: kube_client.Client, environment: Obj, executor_type: str
) -> list[Obj]:
    """Pods of an environment; of one executor type only where one is named."""
    metadata = environment["metadata"]
    wanted = {
        labels.ENVIRONMENT_NAME: metadata["name"],
        labels.ENVIRONMENT_NAMESPACE: metadata["namespace"],
    }
    if executor_type:
        wanted[labels.EXECUTOR_TYPE] = executor_type
    return await _pods(client, wanted, metadata["namespace"])


async def surroundings(client: kube_client.Client, function: Obj) -> protocol.Surroundings | None:
    """A function's deployments and its namespace's events; None for who may not see them."""
    metadata = function["metadata"]
    mark = {labels.FUNCTION_UID: metadata["uid"]}
    namespace = metadata["namespace"]
    try:
        deployments, events = await asyncio.gather(
            client.list(gvk.DEPLOYMENTS, namespace, label_selector=mark),
            client.list(gvk.EVENTS, namespace),
        )
    except status.Forbidden:
        return None
    return protocol.Surroundings(deployments.items, events.items)


async def logs(client: kube_client.Client, query: protocol.LogQuery) -> AsyncIterator[bytes]:
    """What a container printed."""
    path = gvk.PODS.path(query.namespace, query.pod, "log")
    target = f"{path}?{parse.urlencode(query.options())}"
    response = await client.raw("GET", target, timeout_seconds=http.TRANSFER_SECONDS)
    async for chunk in http.chunks(await http.check(response)):
        yield chunk


async def _pods(client: kube_client.Client, wanted: Mapping[str, str], namespace: str) -> list[Obj]:
    """Pods wherever they are; in the object's namespace for who may not look further."""
    try:
        return (await client.list(gvk.PODS, None, label_selector=wanted)).items
    except status.Forbidden:
        return (await client.list(gvk.PODS, namespace, label_selector=wanted)).items
