"""List, then watch, for ever: the transport half of an informer.

``run`` tells a ``Sink`` what the server says, in order: ``replace`` with a whole list at the start
and whenever continuing is impossible (410), ``apply`` for each watch event. An ended or broken
watch continues after the last version seen, bookmarks included, so nothing is missed or told
twice. While the server cannot be reached the sink keeps what it knows; delays between attempts
grow to 5 s. A stream that ends at once counts as a failed attempt, so no server can make us spin.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
from collections.abc import Iterator
from typing import Any, Protocol

from fission.base import backoff, errors
from fission.kube import client as client_module
from fission.kube import requests
from fission.meta import gvk, status, watch

logger = logging.getLogger(__name__)

WATCH_SECONDS = 300
"""Length of one watch; the server ends it and the next continues. client-go: 5 to 10 minutes."""
FIRST_RETRY_SECONDS = 0.02
RESTART_RETRY_SECONDS = 0.25
"""Delays grow to this at first: a server that restarts is found again soon after it is back."""
RESTART_ATTEMPTS = 24
"""With the delays above: five to six seconds of a restart. Then it is an outage."""
LARGEST_RETRY_SECONDS = 5.0
WARNING_DELAY_SECONDS = 1.0
"""Shorter delays are a server that restarts: no line in the log above debug."""
HEALTHY_SECONDS = 1.0
"""An attempt that lasted longer than this begins the delays anew."""


class Sink(Protocol):
    """Who is told."""

    def keep(self, item: dict[str, Any]) -> Any:
        """What to hold of a listed item until the list is complete."""
        ...

    def replace(self, items: list[Any]) -> None:
        """This is all there is: what ``keep`` made of each."""
        ...

    def apply(self, event: watch.WatchEvent) -> None:
        """This has changed: ADDED, MODIFIED or DELETED."""
        ...


class Reflector:
    """Mirrors one collection, or the part of it that selectors choose, into a sink."""

    def __init__(
        self,
        client: client_module.Client,
        resource: gvk.Resource,
        sink: Sink,
        *,
        namespace: str | None = None,
        label_selector: requests.Selector = None,
        field_selector: requests.Selector = None,
        watch_seconds: int = WATCH_SECONDS,
    ) -> None:
        self._client = client
        self._resource = resource
        self._sink = sink
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._watch_seconds = watch_seconds
        self._cursor: watch.Cursor | None = None

    async def run(self) -> None:
        """Mirror until cancelled."""
        loop = asyncio.get_running_loop()
        delays = _delays()
        while True:
            started_at = loop.time()
            problem: Exception | None = None
            try:
                await self._follow()
            except status.Expired:
                self._cursor = None
            except (errors.Error, TimeoutError) as error:
                problem = error
            if loop.time() - started_at > HEALTHY_SECONDS:
                delays = _delays()
                if problem is None:
                    continue
            delay = next(delays)
            if problem is not None:
                logger.log(
                    logging.WARNING if delay >= WARNING_DELAY_SECONDS else logging.DEBUG,
                    "watch retried: %s",
                    problem,
                    extra={**self._fields, "delay_seconds": round(delay, 3)},
                )
            await asyncio.sleep(delay)

    async def _follow(self) -> None:
        """List unless the place to continue is known, then watch until the stream ends."""
        if self._cursor is None:
            listed = await self._client.list(
                self._resource,
                self._namespace,
                label_selector=self._label_selector,
                field_selector=self._field_selector,
                keep=self._sink.keep,
            )
            self._sink.replace(listed.items)
            self._cursor = watch.Cursor(listed.resource_version)
        events = self._client.watch(
            self._resource,
            self._namespace,
            resource_version=self._cursor.resource_version,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            timeout_seconds=self._watch_seconds,
        )
        async with contextlib.aclosing(events):
            async for event in events:
                if event.type != "BOOKMARK":
                    self._sink.apply(event)
                self._cursor.observe(event)

    @property
    def _fields(self) -> dict[str, Any]:
        return {"resource": self._resource.group_resource, "namespace": self._namespace or ""}


def _delays() -> Iterator[float]:
    restart = backoff.delays(
        FIRST_RETRY_SECONDS, cap_seconds=RESTART_RETRY_SECONDS, jitter=0.2, draw=random.random
    )
    outage = backoff.delays(
        2 * RESTART_RETRY_SECONDS,
        cap_seconds=LARGEST_RETRY_SECONDS,
        jitter=0.2,
        draw=random.random,
    )
    return itertools.chain(itertools.islice(restart, RESTART_ATTEMPTS), outage)
