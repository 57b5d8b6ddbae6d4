"""Looks at what pods use, every few seconds: for the metrics API, and for limits of memory that the
kernel does not hold.

One pass costs two or three short reads per process (see ``sampling``). What it finds stays in this
process; whoever wants it asks on the control socket, page by page, so that no sample is ever
written to the store.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from fission.base import clock as clocks
from fission.cluster.kubelet import sampling, usage
from fission.meta import quantity

Obj = dict[str, Any]

PAGE_ITEMS = 400
"""Containers in one answer: some 70 KiB, and a packet may have 200."""

_TICKS = os.sysconf("SC_CLK_TCK")
_NODE = usage.Identity("", "", "", "", 0)


class Watched(Protocol):
    """A pod with processes."""

    @property
    def pod(self) -> Obj: ...

    def pids(self) -> dict[str, int]:
        """Container → its first process; those of a process that pods share are left out."""
        ...

    def out_of_memory(self, container: str) -> None:
        """The container is above its limit, and nothing else ends it."""
        ...


class Monitor:
    """Everything about use on this node."""

    def __init__(
        self,
        watched: Callable[[], Iterable[Watched]],
        clock: clocks.Clock,
        period_seconds: float = usage.PERIOD_SECONDS,
        *,
        is_alone: bool = False,
    ) -> None:
        """`is_alone`: the kernel holds no limit of memory here, so that each container with one is
        looked at from its first second on.
        """
        self._is_alone = is_alone
        self._watched = watched
        self._clock = clock
        self._period_seconds = period_seconds
        self._sampler = sampling.Sampler(clock.monotonic)
        self._meter = usage.Meter(usage.WINDOW_PERIODS * period_seconds)
        self._node = usage.Meter(usage.WINDOW_PERIODS * period_seconds)
        self._guarded: set[usage.Identity] = set()
        """Those with a limit of memory that the kernel does not hold."""
        self._number = 0
        self._found: list[tuple[usage.Identity, usage.Measured]] = []

    async def run(self) -> None:
        """Look until cancelled."""
        short = min(self._period_seconds, usage.LIMITED_SECONDS)
        next_whole = self._clock.monotonic()
        try:
            while True:
                now = self._clock.monotonic()
                whole = now >= next_whole
                if whole:
                    next_whole = now + self._period_seconds
                self.look(whole=whole)
                rest = max(0.0, next_whole - self._clock.monotonic())
                hurries = self._guarded or self._is_alone
                await asyncio.sleep(min(short, rest) if hurries else rest)
        finally:
            self._sampler.close()

    def look(self, *, whole: bool = True) -> None:
        """One pass: over all containers, or over those whose limit nobody else holds."""
        seen: list[usage.Identity] = []
        for one in list(self._watched()):
            seen += self._look_at(one, whole=whole)
        if not whole:
            return
        self._meter.keep(seen)
        self._sampler.keep(_key(identity) for identity in seen)
        self._guarded.intersection_update(seen)
        self._look_at_node()
        self._number += 1
        self._found = self._meter.measured()

    def _look_at(self, one: Watched, *, whole: bool) -> list[usage.Identity]:
        meta = one.pod["metadata"]
        limits = memory_limits(one.pod)
        samples: dict[str, usage.Sample] = {}
        seen = []
        for name, pid in one.pids().items():
            identity = usage.Identity(meta["namespace"], meta["name"], meta["uid"], name, pid)
            seen.append(identity)
            guarded = identity in self._guarded or (self._is_alone and name in limits)
            if not whole and not guarded:
                continue
            sample = self._sampler.read(_key(identity), pid)
            if sample is not None:
                samples[name] = sample
                if name in limits and not sample.is_held:
                    self._guarded.add(identity)
                now = self._clock.monotonic()
                self._meter.add(identity, sample, now, self._clock.now())
        for name in usage.over_limit(samples, limits):
            one.out_of_memory(name)
        return seen

    def _look_at_node(self) -> None:
        try:
            stat, memory = Path("/proc/stat").read_text(), Path("/proc/meminfo").read_text()
        except OSError:
            return
        sample = usage.node_sample(stat, memory, _TICKS)
        self._node.add(_NODE, sample, self._clock.monotonic(), self._clock.now())

    def describe(self, start: int, items: int = PAGE_ITEMS) -> Obj:
        """A page of what was found last: ``number`` says which pass, ``next`` where to go on."""
        page = self._found[start : start + items]
        answer: Obj = {
            "number": self._number,
            "containers": [
                {
                    "namespace": identity.namespace,
                    "pod": identity.pod,
                    "uid": identity.uid,
                    "container": identity.container,
                    **measured.describe(),
                }
                for identity, measured in page
            ],
        }
        for _, measured in self._node.measured():
            answer["node"] = measured.describe()
        if start + items < len(self._found):
            answer["next"] = start + items
        return answer


def memory_limits(pod: Obj) -> dict[str, int]:
    """Container → bytes that it may use, for those that declare a limit. Pure."""
    found = {}
    spec = pod["spec"]
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        text = ((container.get("resources") or {}).get("limits") or {}).get("memory")
        if text:
            found[container["name"]] = quantity.whole(text)
    return found


def _key(identity: usage.Identity) -> str:
    return f"{identity.uid}/{identity.container}/{identity.pid}"
