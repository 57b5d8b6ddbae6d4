"""Logs of a function's newest pod, every container, under banners: the form of the old API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fission.api import labels
from fission.kube import client as kube_client
from fission.meta import gvk, status

BANNER = "=" * 35
MAX_LOG_BYTES = 4 << 20
"""Of one container; an answer is read by a person."""


async def collect(
    client: kube_client.Client, namespace: str, function: str, lines: int | None
) -> str:
    """Return the text; raises NotFound when the function has no pod."""
    selector = f"{labels.FUNCTION_NAME}={function},{labels.FUNCTION_NAMESPACE}={namespace}"
    pods = (await client.list(gvk.PODS, label_selector=selector)).items
    if not pods:
        raise status.NotFound(f"no active pods found for function {function} in {namespace}")
    pod = newest(pods)
    metadata = pod["metadata"]
    parts = []
    for container in pod["spec"]["containers"]:
        name = container["name"]
        path = gvk.PODS.path(metadata["namespace"], metadata["name"], "log")
        query = f"?container={name}" + (f"&tailLines={lines}" if lines else "")
        answer = await client.raw("GET", path + query)
        text = (await answer.read(MAX_LOG_BYTES)).decode(errors="replace")
        parts.append(
            f"{BANNER}\nPod: {metadata['name']}, container: {name}, "
            f"node: {pod['spec'].get('nodeName', '')}\n{BANNER}\n{text}"
        )
    return "\n".join(parts)


def newest(pods: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the pod that changed last."""
    return max(pods, key=lambda pod: int(pod["metadata"]["resourceVersion"]))
