"""Logs of a function's newest pod: every container under banners, as the old API has it, or one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib import parse

from fission.api import labels
from fission.kube import client as kube_client
from fission.meta import gvk, objectmeta, status

BANNER = "=" * 35
MAX_LOG_BYTES = 4 << 20
"""Of one container; an answer is read by a person."""


async def collect(
    client: kube_client.Client,
    namespace: str,
    function: str,
    lines: int | None,
    container: str = "",
) -> str:
    """Return the text; raises NotFound when the function has no pod."""
    selector = f"{labels.FUNCTION_NAME}={function},{labels.FUNCTION_NAMESPACE}={namespace}"
    pods = (await client.list(gvk.PODS, label_selector=selector)).items
    if not pods:
        raise status.NotFound(f"no active pods found for function {function} in {namespace}")
    pod = newest(pods)
    if container:
        return await _read(client, pod, container, lines)
    parts = []
    for each in pod["spec"]["containers"]:
        text = await _read(client, pod, each["name"], lines)
        parts.append(
            f"{BANNER}\nPod: {pod['metadata']['name']}, container: {each['name']}, "
            f"node: {pod['spec'].get('nodeName', '')}\n{BANNER}\n{text}"
        )
    return "\n".join(parts)


async def _read(
    client: kube_client.Client, pod: Mapping[str, Any], container: str, lines: int | None
) -> str:
    path = gvk.PODS.path(pod["metadata"]["namespace"], pod["metadata"]["name"], "log")
    query = {"container": container, **({"tailLines": str(lines)} if lines else {})}
    answer = await client.raw("GET", f"{path}?{parse.urlencode(query)}")
    return (await answer.read(MAX_LOG_BYTES)).decode(errors="replace")


def newest(pods: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the pod that changed last; one on its way out only when there is no other."""
    return max(
        pods,
        key=lambda pod: (
            not objectmeta.is_deleting(pod),
            int(pod["metadata"]["resourceVersion"]),
        ),
    )
