"""The pods of a function as they come, change and go: by a watch where there is one.

Both yield all of them first, then all of them after each change, for ever. What is between two
looks may be missed, its outcome never is. Outages are sat through (``patience``).
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, Final

from fission.base import clock as clocks
from fission.cli.backend import patience
from fission.kube import client as kube_client
from fission.meta import codec, gvk, status, watch

Obj = dict[str, Any]
Objs = list[Obj]

LOOK_SECONDS: Final = 0.5
"""Between two looks where there is no watch."""

_BROKEN: Final = (*patience.PASSING, watch.LineTooLong, codec.DecodeError)


async def watched(
    client: kube_client.Client,
    chosen: Mapping[str, str],
    namespace: str,
    clock: clocks.Clock,
) -> AsyncGenerator[Objs, None]:
    """Pods with these labels, of all namespaces; of the one given where that is forbidden."""
    outage = patience.Outage(clock)
    where: str | None = None
    while True:
        try:
            async with contextlib.aclosing(_snapshots(client, chosen, where)) as snapshots:
                async for found in snapshots:
                    outage.over()
                    yield found
        except status.Forbidden:
            if where is not None:
                raise
            where = namespace
        except status.Expired:
            continue
        except _BROKEN as error:
            await outage.wait(error)


async def looked_at(
    ask: Callable[[], Awaitable[Objs]], clock: clocks.Clock
) -> AsyncGenerator[Objs, None]:
    """Pods by asking for them again and again."""
    outage = patience.Outage(clock)
    seen: set[tuple[str, str]] | None = None
    while True:
        try:
            found = await ask()
        except patience.PASSING as error:
            await outage.wait(error)
            continue
        outage.over()
        marks = {(_uid(pod), str(pod["metadata"].get("resourceVersion", ""))) for pod in found}
        if marks != seen:
            seen = marks
            yield found
        await asyncio.sleep(LOOK_SECONDS)


async def _snapshots(
    client: kube_client.Client, chosen: Mapping[str, str], namespace: str | None
) -> AsyncGenerator[Objs, None]:
    """One list and the watch behind it, until the server ends that."""
    listed = await client.list(gvk.PODS, namespace, label_selector=chosen)
    pods = {_uid(pod): pod for pod in listed.items}
    yield list(pods.values())
    events = client.watch(
        gvk.PODS, namespace, resource_version=listed.resource_version, label_selector=chosen
    )
    async with contextlib.aclosing(events):
        async for event in events:
            if event.type == "BOOKMARK":
                continue
            if event.type == "DELETED":
                pods.pop(_uid(event.object), None)
            else:
                pods[_uid(event.object)] = event.object
            yield list(pods.values())


def _uid(pod: Obj) -> str:
    return str(pod["metadata"].get("uid", ""))
