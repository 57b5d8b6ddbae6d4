"""What the API must know of specialized pods, written behind the answer and never lost.

A record is the patch that takes a pod out of the pool and into its function's endpoints. It is
retried until it is written or the pod is gone. While requests stand in line for a pod of the same
environment it waits for them, though not for long: what the API server has to do then is start
pods. Other pools do not wait, as a pool is filled up again when the record is written. Should this
process die before that, the fetcher's claim tells the next one what the labels do not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fission.base import clock as clocks
from fission.executor.poolmgr import pool
from fission.kube import client as kube_client
from fission.kube import reconcile, workqueue
from fission.meta import gvk, status

logger = logging.getLogger(__name__)

Obj = dict[str, Any]
DELAY_SECONDS = 0.01
"""Lets the answer, and the call that it makes possible, go first."""
HOLD_SECONDS = 1.0
"""How long a record waits for those in line; a router has the address from the answer."""
LOOK_SECONDS = 0.05
"""How often it looks whether the line is empty."""
WORKERS = 4
"""A burst of cold starts writes its labels side by side."""


@dataclass(frozen=True, slots=True)
class Record:
    """A strategic patch that is still to be written."""

    pod: pool.GenericPod
    patch: Obj


class Records:
    """The records that are not written yet, by pod UID."""

    def __init__(
        self,
        client: kube_client.Client,
        on_gone: Callable[[pool.GenericPod], None],
        *,
        is_line: Callable[[pool.GenericPod], bool],
        clock: clocks.Clock,
    ) -> None:
        """``is_line``: whether anybody waits for a pod of the environment of this one."""
        self._client = client
        self._on_gone = on_gone
        self._is_line = is_line
        self._clock = clock
        self._records: dict[str, Record] = {}
        self._put_at: dict[str, float] = {}
        self._queue: workqueue.WorkQueue[str] = workqueue.WorkQueue(largest_delay_seconds=5.0)

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, uid: object) -> bool:
        return uid in self._records

    def put(self, record: Record) -> None:
        """Have a record written."""
        self._records[record.pod.uid] = record
        self._put_at[record.pod.uid] = self._clock.monotonic()
        self._queue.add_after(record.pod.uid, DELAY_SECONDS)

    def drop(self, uid: str) -> None:
        """The pod is to go: what would have been written means nothing."""
        self._records.pop(uid, None)
        self._put_at.pop(uid, None)

    async def run(self) -> None:
        """Write records until cancelled."""
        await reconcile.run(self._queue, self._write, workers=WORKERS, name="records")

    async def _write(self, uid: str) -> reconcile.Result | None:
        record = self._records.get(uid)
        if record is None:
            return None
        if self._is_line(record.pod) and self._clock.monotonic() - self._put_at[uid] < HOLD_SECONDS:
            return reconcile.Result(requeue_after_seconds=LOOK_SECONDS)
        pod = record.pod
        try:
            await self._client.patch(
                gvk.PODS, pod.name, record.patch, pod.namespace, kind="strategic"
            )
        except status.NotFound:
            logger.info("specialized pod is gone", extra={"pod": pod.name})
            self._on_gone(pod)
        if self._records.get(uid) is record:
            self.drop(uid)
        return None
