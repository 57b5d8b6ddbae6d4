"""Reading: a list where nothing is known or history is gone, then a watch from its version on.

Whatever is read goes into the buffer in order, and reading waits while that is full: at most a page
of a list is held besides. What must be told of it is decided at the other end, against what was
told before.

A watch that ends or breaks off is continued from the last version read. History counts as gone only
when the server refuses the version at once, or has not reached it: it may also drop a reader that
was slow, and that one can go on where it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

from fission.base import backoff
from fission.kube import answers, requests
from fission.kube import client as kube_client
from fission.kube import errors as kube_errors
from fission.kubewatcher import buffer as buffers
from fission.kubewatcher import journal as journals
from fission.kubewatcher import plan
from fission.meta import gvk, status

PAGE_SIZE: Final = 100
WATCH_SECONDS: Final = 300
FIRST_RETRY_SECONDS: Final = 0.05
LARGEST_RETRY_SECONDS: Final = 5.0
HEALTHY_SECONDS: Final = 1.0

Obj = dict[str, Any]


class Source:
    """Reads one resource of one namespace for one trigger."""

    def __init__(
        self,
        client: kube_client.Client,
        resource: gvk.Resource,
        namespace: str,
        selector: str,
        journal: journals.Content,
        buffer: buffers.Buffer,
        opened: Callable[[], None],
        expired: Callable[[str], None],
    ) -> None:
        """``opened``: the watch stands. ``expired``: history after this version is gone."""
        self._client = client
        self._resource = resource
        self._namespace = namespace
        self._selector = selector
        self._journal = journal
        self._buffer = buffer
        self._opened = opened
        self._expired = expired

    async def run(self) -> None:
        """Read until cancelled; raises what the server refuses, not that it cannot be reached."""
        loop = asyncio.get_running_loop()
        version = self._journal.position
        delays = _delays()
        while True:
            started_at = loop.time()
            with contextlib.suppress(kube_errors.Unreachable, TimeoutError):
                if not version:
                    version = await self._list()
                version = await self._watch(version)
            if loop.time() - started_at > HEALTHY_SECONDS:
                delays = _delays()
            await asyncio.sleep(next(delays))

    async def _watch(self, version: str) -> str:
        """Watch once; the version to go on from, empty when there is no history after ``version``.

        A broken connection is an end like any other. A version that the server has not reached yet
        is one of another history: its store was put back, and would say nothing for long.
        """
        if plan.is_later(version, await self._newest()):
            await self._lose(version)
            return ""
        after = version
        events = self._client.watch(
            self._resource,
            self._namespace,
            resource_version=after,
            label_selector=self._selector,
            timeout_seconds=WATCH_SECONDS,
            opened=self._opened,
        )
        try:
            async with contextlib.aclosing(events):
                async for event in events:
                    if event.type == "BOOKMARK" or plan.is_own(event.object):
                        await self._buffer.put(plan.Passed(event.resource_version))
                    else:
                        await self._buffer.put(plan.make_event(event.type, event.object))
                    version = event.resource_version or version
        except kube_errors.Unreachable:
            return version
        except status.Expired:
            if version == after:
                await self._lose(version)
                return ""
        return version

    async def _lose(self, version: str) -> None:
        """There is no going on from a version."""
        await self._buffer.drained()
        self._expired(version)

    async def _newest(self) -> str:
        """The version that the collection is at."""
        page = await self._page("", 1)
        return str((page.get("metadata") or {}).get("resourceVersion", ""))

    async def _list(self) -> str:
        """Put in everything that there is; the version that a watch continues from."""
        while True:
            try:
                return await self._pages()
            except status.Expired:
                # The rest of the list is no longer to be had: what was told is skipped next time.
                await self._buffer.drained()

    async def _pages(self) -> str:
        names: set[str] = set()
        version, token = "", ""
        while True:
            page = await self._page(token, PAGE_SIZE)
            metadata = page.get("metadata") or {}
            version = version or str(metadata.get("resourceVersion", ""))
            for obj in answers.complete_items(page, self._resource):
                if plan.is_own(obj):
                    continue
                listed = plan.make_event(plan.ADDED, obj)
                names.add(listed.name)
                if self._journal.known.get(listed.name) != listed.seen:
                    await self._buffer.put(plan.Listed(listed))
            token = str(metadata.get("continue") or "")
            if not token:
                await self._buffer.put(plan.Complete(frozenset(names), version))
                return version

    async def _page(self, token: str, limit: int) -> Obj:
        request = requests.list_page(
            self._resource,
            self._namespace,
            label_selector=self._selector,
            limit=limit,
            continue_token=token,
        )
        return await self._client.send(request)


def _delays() -> Iterator[float]:
    return backoff.delays(
        FIRST_RETRY_SECONDS, cap_seconds=LARGEST_RETRY_SECONDS, jitter=0.2, draw=random.random
    )
