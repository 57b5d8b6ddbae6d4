"""What ``fission top`` reads: the pages of routers and executors, and the pods of functions."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from fission.api import labels
from fission.cli import errors
from fission.cli.backend import http, protocol
from fission.contracts import activity, invocation
from fission.kube import client as kube_client
from fission.kube import peers
from fission.meta import conditions, gvk, status
from fission_http import client as http_client

Obj = dict[str, Any]

MAX_PAGE_BYTES: Final = 256 * 1024 * 1024
METRICS: Final = "/metrics"
PAGE_SECONDS: Final = 10.0
_PAGES_AT_ONCE: Final = 8
_PORTS: Final = {invocation.INTERNAL_SERVICE: invocation.INTERNAL_SOCKET_NAME, "executor": "http"}
"""Services whose pods count, and the port that shows it without asking for a token."""


async def processes(
    client: kube_client.Client,
    platform_namespace: str,
    namespace: str,
    signed: Iterable[tuple[str, str]],
) -> list[activity.Process]:
    """Read the page of every router and executor, through the API server's pod proxy.

    ``signed``: the headers that routers want with it.
    """
    where = f"{peers.SERVICE_NAME_LABEL} in ({','.join(_PORTS)})"
    slices = await client.list(gvk.ENDPOINTSLICES, platform_namespace, label_selector=where)
    found = sorted(set(_pods(slices.items)))
    if not found:
        raise errors.CliError(
            f"no router is ready in namespace {platform_namespace}", remedy="see: fission check"
        )
    turns = asyncio.Semaphore(_PAGES_AT_ONCE)

    async def page(pod: str, port: int) -> activity.Process:
        path = gvk.PODS.path(platform_namespace, f"{pod}:{port}", "proxy") + METRICS
        async with turns:
            answer = await client.raw("GET", path, headers=signed, timeout_seconds=PAGE_SECONDS)
            return await read(answer, pod, namespace)

    return list(await asyncio.gather(*(page(pod, port) for pod, port in found)))


async def read(
    answer: http_client.ClientResponse, process: str, namespace: str
) -> activity.Process:
    """The counts on a page that comes."""
    content = await http.read(await http.check(answer), MAX_PAGE_BYTES)
    return activity.read(process, content.decode("utf-8", "replace"), namespace)


def _pods(slices: Iterable[Obj]) -> Iterable[tuple[str, int]]:
    """Ready pods that count, and the port of their page."""
    for one in slices:
        service = (one["metadata"].get("labels") or {}).get(peers.SERVICE_NAME_LABEL, "")
        for port in one.get("ports") or ():
            if port.get("name") != _PORTS.get(service) or not port.get("port"):
                continue
            for endpoint in peers.endpoints_of(one):
                name = (endpoint.get("targetRef") or {}).get("name")
                if name and peers.is_ready(endpoint):
                    yield str(name), int(port["port"])


async def pods(client: kube_client.Client, namespace: str) -> protocol.PodCounts:
    """How many pods each function has, those ready and all; of one namespace, if it is given."""
    where = labels.FUNCTION_UID
    if namespace:
        where = f"{where},{labels.FUNCTION_NAMESPACE}={namespace}"
    try:
        found = await client.list(gvk.PODS, None, label_selector=where, keep=_mark)
    except status.Forbidden:
        if not namespace:
            raise
        found = await client.list(gvk.PODS, namespace, label_selector=where, keep=_mark)
    counted: protocol.PodCounts = {}
    for mark in filter(None, found.items):
        key = mark["namespace"], mark["name"]
        ready, total = counted.get(key, (0, 0))
        counted[key] = ready + mark["ready"], total + 1
    return counted


def _mark(pod: Obj) -> Obj:
    """What is held of a pod: one that stays."""
    metadata = pod["metadata"]
    if metadata.get("deletionTimestamp"):
        return {}
    named = metadata["labels"]
    is_ready = conditions.is_true((pod.get("status") or {}).get("conditions"), "Ready")
    return {
        "namespace": named.get(labels.FUNCTION_NAMESPACE, ""),
        "name": named.get(labels.FUNCTION_NAME, ""),
        "ready": int(is_ready),
    }
