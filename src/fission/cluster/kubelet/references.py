"""Which Secrets and ConfigMaps a pod's containers and volumes name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fission.cluster.kubelet import environment

Obj = dict[str, Any]


def of_container(container: Obj, kind: str) -> set[str]:
    """Names in its environment; `kind` is `secret` or `configMap`."""
    names: set[str] = set()
    for source in container.get("envFrom") or ():
        reference = source.get(f"{kind}Ref")
        if reference:
            names.add(reference["name"])
    for entry in container.get("env") or ():
        reference = (entry.get("valueFrom") or {}).get(f"{kind}KeyRef")
        if reference:
            names.add(reference["name"])
    return names


async def look_up(
    container: Obj,
    kind: str,
    namespace: str,
    get: Callable[[str, str], Awaitable[Obj | None]],
) -> environment.Lookup:
    """Fetch what the environment names; afterwards it is found by name."""
    found = {name: await get(namespace, name) for name in of_container(container, kind)}
    return found.get


def of_volumes(pod: Obj, kind: str) -> set[str]:
    """Names in the pod's volumes; `kind` is `secret` or `configMap`."""
    names: set[str] = set()
    for volume in pod["spec"].get("volumes") or ():
        sources = [volume, *((volume.get("projected") or {}).get("sources") or ())]
        for source in sources:
            reference = source.get(kind)
            if reference:
                names.add(reference.get("secretName") or reference.get("name") or "")
    return names
