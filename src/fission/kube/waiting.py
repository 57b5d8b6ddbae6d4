"""Waiting for one object by watch: until something holds, or until it has gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from fission.base import errors
from fission.kube import client as client_module
from fission.kube import errors as kube_errors
from fission.meta import conditions, gvk, status

Obj = dict[str, Any]

RETRY_SECONDS = 0.1


async def wait_for(
    client: client_module.Client,
    resource: gvk.Resource,
    name: str,
    namespace: str | None,
    holds: Callable[[Obj | None], bool],
    *,
    timeout_seconds: float,
    what: str = "the awaited state",
) -> Obj | None:
    """Return the object (None: absent) as soon as ``holds`` says so of it.

    Raises ``DeadlineExceeded`` naming ``what``. A server that is away for a while is waited for.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            while True:
                try:
                    return await _follow(client, resource, name, namespace, holds, timeout_seconds)
                except _Ended:
                    continue
                except (kube_errors.Unreachable, status.Expired):
                    await asyncio.sleep(RETRY_SECONDS)
    except TimeoutError as error:
        place = f"{namespace}/{name}" if namespace else name
        raise errors.DeadlineExceeded(
            f"{resource.group_resource} {place}: {what} did not come within {timeout_seconds:g} s"
        ) from error


async def wait_for_condition(
    client: client_module.Client,
    resource: gvk.Resource,
    name: str,
    namespace: str | None,
    condition: str,
    *,
    timeout_seconds: float,
    wanted: str = "True",
) -> Obj:
    """Wait until a condition has a status; an absent object is waited for too."""

    def holds(obj: Obj | None) -> bool:
        found = conditions.get(((obj or {}).get("status") or {}).get("conditions"), condition)
        return found is not None and found.get("status") == wanted

    what = f"condition {condition}={wanted}"
    obj = await wait_for(
        client, resource, name, namespace, holds, timeout_seconds=timeout_seconds, what=what
    )
    assert obj is not None
    return obj


async def wait_deleted(
    client: client_module.Client,
    resource: gvk.Resource,
    name: str,
    namespace: str | None,
    *,
    timeout_seconds: float,
    uid: str | None = None,
) -> None:
    """Wait until the object has gone; with ``uid`` a namesake counts as gone."""

    def is_gone(obj: Obj | None) -> bool:
        return obj is None or (uid is not None and obj["metadata"].get("uid") != uid)

    await wait_for(
        client,
        resource,
        name,
        namespace,
        is_gone,
        timeout_seconds=timeout_seconds,
        what="its deletion",
    )


class _Ended(Exception):
    """The watch came to its end; begin again."""


async def _follow(
    client: client_module.Client,
    resource: gvk.Resource,
    name: str,
    namespace: str | None,
    holds: Callable[[Obj | None], bool],
    timeout_seconds: float,
) -> Obj | None:
    chosen = {"metadata.name": name}
    listed = await client.list(resource, namespace, field_selector=chosen)
    current = listed.items[0] if listed.items else None
    if holds(current):
        return current
    events = client.watch(
        resource,
        namespace,
        resource_version=listed.resource_version,
        field_selector=chosen,
        timeout_seconds=int(timeout_seconds) + 1,
    )
    async with contextlib.aclosing(events):
        async for event in events:
            if event.type == "BOOKMARK":
                continue
            current = None if event.type == "DELETED" else event.object
            if holds(current):
                return current
    raise _Ended
