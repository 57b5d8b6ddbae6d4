"""What the kubelet writes about pods, and that the latest word is the one that stays.

`PodApi` sends; `StatusWriter` decides when: at once on a change, the latest state if several came
while one was under way, again with a growing pause while the API cannot be reached. A status that
equals the last one is not sent. While a pod is on its way up and nothing went wrong, steps that
follow each other closely are one write: of a burst of starting pods the API hears that they are
ready, rather than of each container.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from fission.base import errors as base_errors
from fission.kube import client as kube_client
from fission.meta import gvk, podports, status

log = logging.getLogger(__name__)

Obj = dict[str, Any]

FIRST_RETRY_SECONDS = 0.1
LONGEST_RETRY_SECONDS = 5.0
LAST_WORD_SECONDS = 10.0
GATHER_SECONDS = 0.15
"""How long a pod's way up may go unmentioned: most pods are ready by then."""
_ORDINARY_WAITS = ("ContainerCreating", "PodInitializing")


class PodApi:
    """The few writes of a kubelet, each bound to the pod's uid."""

    def __init__(self, client: kube_client.Client) -> None:
        self._client = client

    async def write_status(self, pod: Obj, new: Obj) -> None:
        """Replace the status; NotFound and Conflict mean that this pod is no more."""
        meta = pod["metadata"]
        patch = {"metadata": {"uid": meta["uid"]}, "status": new}
        await self._client.patch(
            gvk.PODS, meta["name"], patch, meta["namespace"], subresource="status"
        )

    async def annotate_ports(self, pod: Obj, port_map: Mapping[int, int]) -> None:
        meta = pod["metadata"]
        text = orjson.dumps({str(k): v for k, v in port_map.items()}).decode() if port_map else None
        patch = {
            "metadata": {
                "uid": meta["uid"],
                "annotations": {podports.PORT_MAP_ANNOTATION: text},
            }
        }
        await self._client.patch(gvk.PODS, meta["name"], patch, meta["namespace"])

    async def remove(self, pod: Obj) -> None:
        """Take a pod that has ended out of the API; tried until it is gone."""
        meta = pod["metadata"]
        wait = FIRST_RETRY_SECONDS
        while True:
            try:
                await self._client.delete(
                    gvk.PODS,
                    meta["name"],
                    meta["namespace"],
                    grace_period_seconds=0,
                    precondition_uid=meta["uid"],
                )
                return
            except (status.NotFound, status.Conflict):
                return
            except base_errors.Error as error:
                log.warning("pod was not removed: %s", error, extra={"pod": meta["name"]})
            await asyncio.sleep(wait)
            wait = min(LONGEST_RETRY_SECONDS, wait * 2)


class StatusWriter:
    """Keeps one pod's status in the API equal to what `make` answers."""

    def __init__(self, api: PodApi, make: Callable[[], tuple[Obj, Obj]]) -> None:
        self._api = api
        self._make = make
        self._dirty = asyncio.Event()
        self._writing = asyncio.Lock()
        self._gone = False
        self.written: Obj | None = None
        """The last status that the API took; newer than what the informer shows."""

    def poke(self) -> None:
        self._dirty.set()

    async def run(self) -> None:
        wait = FIRST_RETRY_SECONDS
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            await self._gather()
            if await self._write():
                wait = FIRST_RETRY_SECONDS
                continue
            self._dirty.set()
            await asyncio.sleep(wait)
            wait = min(LONGEST_RETRY_SECONDS, wait * 2)

    async def _gather(self) -> None:
        """Wait for better news, if that may be had."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                while self._is_on_its_way_up():
                    await self._dirty.wait()
                    self._dirty.clear()

    def _is_on_its_way_up(self) -> bool:
        pod, new = self._make()
        before = pod.get("status") or {} if self.written is None else self.written
        is_going = bool(pod["metadata"].get("deletionTimestamp"))
        return not is_going and not is_ready(before) and is_starting(new)

    async def last(self) -> None:
        """Write the final state, within bounds: the pod is about to be removed anyway."""
        try:
            async with asyncio.timeout(LAST_WORD_SECONDS):
                while not await self._write():  # noqa: ASYNC110
                    await asyncio.sleep(FIRST_RETRY_SECONDS)
        except TimeoutError:
            log.warning("last status was not written in time")

    async def _write(self) -> bool:
        async with self._writing:
            pod, new = self._make()
            before = pod.get("status") or {} if self.written is None else self.written
            if self._gone or _same(before, new):
                return True
            try:
                await self._api.write_status(pod, new)
            except (status.NotFound, status.Conflict):
                self._gone = True
            except base_errors.Error as error:
                log.warning("status was not written: %s", error)
                return False
            self.written = new
            return True


def is_ready(status: Obj) -> bool:
    """Whether a pod's status says that it takes requests."""
    found = status.get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in found)


def is_starting(status: Obj) -> bool:
    """Whether a pod is not ready yet and nothing about it is worth telling before it is."""
    if is_ready(status) or status.get("phase") not in ("Pending", "Running"):
        return False
    containers = [
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ]
    return all(_is_in_order(each) for each in containers)


def _is_in_order(container: Obj) -> bool:
    state = container.get("state") or {}
    if container.get("restartCount") or container.get("lastState") or "terminated" in state:
        return False
    waiting = state.get("waiting")
    return waiting is None or waiting.get("reason") in _ORDINARY_WAITS


def _same(old: Obj, new: Obj) -> bool:
    return {key: old.get(key) for key in new} == new
