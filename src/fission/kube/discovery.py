"""What a cluster serves: resources with their verbs, each in its group's preferred version.

The plain documents (``/api/v1``, ``/apis``, ``/apis/<group>/<version>``) are read, which every
server has. A group that cannot be read (an extension server that is down) is left out and named in
the log: it must not keep the rest from being known.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

from fission.kube import client as client_module
from fission.kube import requests
from fission.meta import gvk, status

logger = logging.getLogger(__name__)

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Served:
    """A resource and what may be done with it."""

    resource: gvk.Resource
    verbs: frozenset[str]


async def served(client: client_module.Client) -> list[Served]:
    """Everything that the cluster serves, subresources folded into their resource."""
    groups = await client.send(requests.Request("GET", "/apis"))
    group_versions = ["v1"] + [
        str(group["preferredVersion"]["groupVersion"]) for group in groups.get("groups") or ()
    ]
    found = await asyncio.gather(*(_group_version(client, one) for one in group_versions))
    return [resource for resources in found for resource in resources]


def parse(document: Obj) -> list[Served]:
    """The resources of one ``APIResourceList``."""
    group, version = gvk.split_api_version(str(document.get("groupVersion") or ""))
    entries = document.get("resources") or ()
    parts: dict[str, list[str]] = {}
    for entry in entries:
        plural, slash, part = str(entry["name"]).partition("/")
        if slash:
            parts.setdefault(plural, []).append(part)
    return [
        Served(
            gvk.Resource(
                group=group,
                version=version,
                kind=str(entry["kind"]),
                plural=str(entry["name"]),
                namespaced=bool(entry.get("namespaced")),
                singular=str(entry.get("singularName") or ""),
                short_names=tuple(entry.get("shortNames") or ()),
                subresources=tuple(parts.get(str(entry["name"]), ())),
            ),
            frozenset(entry.get("verbs") or ()),
        )
        for entry in entries
        if "/" not in str(entry["name"])
    ]


async def _group_version(client: client_module.Client, group_version: str) -> list[Served]:
    path = f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
    try:
        return parse(await client.send(requests.Request("GET", path)))
    except status.StatusError as error:
        logger.warning("group was not discovered: %s", error, extra={"group": group_version})
        return []
