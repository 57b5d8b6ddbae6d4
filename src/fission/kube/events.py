"""The event recorder: Kubernetes Events about objects, told in passing.

``event`` never waits: it puts a record into a bounded queue, which ``run`` writes out. The same
thing said again about the same object (type, reason and message) raises the ``count`` of the first
Event instead of making another; repeats that wait in the queue are merged there. When the queue is
full the oldest record is dropped, and a number says so in the log: Events are advice, not state.
"""

from __future__ import annotations

import asyncio
import collections
import logging
from dataclasses import dataclass
from typing import Any

from fission.base import clock as clocks
from fission.base import errors, ids
from fission.kube import client as client_module
from fission.meta import gvk, status

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

NORMAL = "Normal"
WARNING = "Warning"
MAX_QUEUED = 1000
MAX_REMEMBERED = 4096
"""Distinct messages whose Events are known for counting; client-go's cache size."""
MAX_MESSAGE_CHARS = 1024
"""The API refuses longer messages."""

Identity = tuple[str, str, str, str, str]


@dataclass(slots=True)
class Record:
    """One thing to be told, and how often it happened since it was last written."""

    subject: Obj
    type: str
    reason: str
    message: str
    count: int
    first: str
    last: str

    @property
    def identity(self) -> Identity:
        uid = str(self.subject.get("uid", ""))
        return uid, str(self.subject.get("name", "")), self.type, self.reason, self.message


@dataclass(slots=True)
class _Known:
    namespace: str
    name: str
    count: int


class Recorder:
    """Tells about objects in the name of one component."""

    def __init__(
        self,
        client: client_module.Client,
        component: str,
        *,
        instance: str = "",
        clock: clocks.Clock | None = None,
    ) -> None:
        self._client = client
        self._component = component
        self._instance = instance
        self._clock = clock or clocks.SystemClock()
        self._queue: collections.OrderedDict[Identity, Record] = collections.OrderedDict()
        self._known: collections.OrderedDict[Identity, _Known] = collections.OrderedDict()
        self._waiting = asyncio.Event()
        self._dropped = 0

    def event(self, obj: Obj, type: str, reason: str, message: str) -> None:
        """Tell that something happened to ``obj`` (which needs kind and apiVersion)."""
        now = clocks.format_rfc3339(self._clock.now())
        text = message[:MAX_MESSAGE_CHARS]
        record = Record(reference_to(obj), type, reason, text, 1, now, now)
        queued = self._queue.get(record.identity)
        if queued is not None:
            queued.count += 1
            queued.last = now
            return
        if len(self._queue) >= MAX_QUEUED:
            self._queue.popitem(last=False)
            self._dropped += 1
        self._queue[record.identity] = record
        self._waiting.set()

    async def run(self) -> None:
        """Write records out until cancelled."""
        while True:
            await self._waiting.wait()
            await self.flush()

    async def flush(self) -> None:
        """Write out what is queued."""
        self._waiting.clear()
        if self._dropped:
            logger.warning("events were dropped", extra={"dropped": self._dropped})
            self._dropped = 0
        while self._queue:
            _, record = self._queue.popitem(last=False)
            try:
                await self._write(record)
            except errors.Error as error:
                logger.debug("event was not written: %s", error, extra={"reason": record.reason})

    async def _write(self, record: Record) -> None:
        known = self._known.get(record.identity)
        if known is not None:
            known.count += record.count
            try:
                await self._client.patch(
                    gvk.EVENTS,
                    known.name,
                    {"count": known.count, "lastTimestamp": record.last},
                    known.namespace,
                )
                self._known.move_to_end(record.identity)
                return
            except status.NotFound:
                del self._known[record.identity]
        event = make_event(record, self._component, self._instance, ids.short_id(16))
        await self._client.create(gvk.EVENTS, event)
        metadata = event["metadata"]
        self._known[record.identity] = _Known(metadata["namespace"], metadata["name"], record.count)
        while len(self._known) > MAX_REMEMBERED:
            self._known.popitem(last=False)


def reference_to(obj: Obj) -> Obj:
    """The ``involvedObject`` of an object."""
    metadata = obj.get("metadata") or {}
    reference = {
        "kind": obj.get("kind"),
        "namespace": metadata.get("namespace"),
        "name": metadata.get("name"),
        "uid": metadata.get("uid"),
        "apiVersion": obj.get("apiVersion"),
        "resourceVersion": metadata.get("resourceVersion"),
    }
    return {key: value for key, value in reference.items() if value}


def make_event(record: Record, component: str, instance: str, suffix: str) -> Obj:
    """The Event of a record; those about cluster-wide objects live in ``default``."""
    namespace = record.subject.get("namespace") or "default"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{record.subject['name']}.{suffix}", "namespace": namespace},
        "involvedObject": record.subject,
        "reason": record.reason,
        "message": record.message,
        "source": {"component": component, **({"host": instance} if instance else {})},
        "firstTimestamp": record.first,
        "lastTimestamp": record.last,
        "count": record.count,
        "type": record.type,
        "eventTime": None,
        "reportingComponent": component,
        "reportingInstance": instance,
    }
