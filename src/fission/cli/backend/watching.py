"""One object as it changes: by a watch where there is one, else by looking again and again.

Both yield the object as it is first, then after each change, for ever. What is between two looks
may be missed, its outcome never is. Outages are sat through (``patience``); an object that is
deleted raises ``NotFound``.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Final

from fission.base import clock as clocks
from fission.cli.backend import patience
from fission.kube import client as kube_client
from fission.meta import codec, gvk, status, watch

Obj = dict[str, Any]

LOOK_SECONDS: Final = 0.1
LONGEST_LOOK_SECONDS: Final = 0.3
"""Between two looks at an object that does not change."""

_BROKEN: Final = (*patience.PASSING, watch.LineTooLong, codec.DecodeError)


async def watched(
    client: kube_client.Client,
    resource: gvk.Resource,
    name: str,
    namespace: str,
    clock: clocks.Clock,
) -> AsyncGenerator[Obj, None]:
    """The object by get and watch; by looking where a watch is forbidden."""
    outage = patience.Outage(clock)
    while True:
        try:
            current = await client.get(resource, name, namespace)
            outage.over()
            yield current
            version = str(current["metadata"].get("resourceVersion", ""))
            try:
                async with contextlib.aclosing(
                    _changed(client, resource, name, namespace, version)
                ) as changes:
                    async for current in changes:
                        outage.over()
                        yield current
            except status.Forbidden:
                break
        except status.Expired:
            continue
        except _BROKEN as error:
            await outage.wait(error)
    async for current in looked_at(lambda: client.get(resource, name, namespace), clock):
        yield current


async def looked_at(
    get: Callable[[], Awaitable[Obj]], clock: clocks.Clock
) -> AsyncGenerator[Obj, None]:
    """The object by asking for it several times a second."""
    outage = patience.Outage(clock)
    seen, pause = "", LOOK_SECONDS
    while True:
        try:
            current = await get()
        except patience.PASSING as error:
            await outage.wait(error)
            continue
        outage.over()
        version = str(current["metadata"].get("resourceVersion", ""))
        if version != seen or not version:
            seen, pause = version, LOOK_SECONDS
            yield current
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_LOOK_SECONDS)


async def _changed(
    client: kube_client.Client, resource: gvk.Resource, name: str, namespace: str, version: str
) -> AsyncGenerator[Obj, None]:
    events = client.watch(
        resource,
        namespace,
        resource_version=version,
        field_selector={"metadata.name": name},
    )
    async with contextlib.aclosing(events):
        async for event in events:
            if event.type == "DELETED":
                raise status.not_found(resource, name)
            if event.type != "BOOKMARK":
                yield event.object
