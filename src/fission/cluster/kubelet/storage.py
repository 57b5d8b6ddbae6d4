"""Bounds on what a pod keeps on disk: `emptyDir.sizeLimit` and limits on `ephemeral-storage`.

Nobody stops a write: every few seconds the files are counted, and a pod above a bound is evicted,
which is what Kubernetes does. Links are not followed. A folder that cannot be read counts as too
large, or a pod could hide what it keeps.
"""

from __future__ import annotations

import asyncio
import math
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fission.meta import quantity

Obj = dict[str, Any]

PERIOD_SECONDS = 2.0
REST_FACTOR = 20.0
"""A pod may keep a million empty files: counting rests this many times as long as it took."""
LATE = "Pod was active on the node longer than the specified deadline"
STORAGE = "ephemeral-storage"
MAX_SHOWN_CHARS = 200
"""Of a path: a pod may nest folders deeper than any path may be long."""
_BLOCK_BYTES = 512


@dataclass(frozen=True)
class Bound:
    """Bytes that these folders may hold together, and what to say when they hold more."""

    volumes: tuple[str, ...]
    logs: bool
    limit_bytes: int
    message: str


def bounds_of(pod: Obj) -> list[Bound]:
    """What the pod declares. Pure."""
    spec = pod["spec"]
    found: list[Bound] = []
    empty = []
    for volume in spec.get("volumes") or ():
        source = volume.get("emptyDir")
        if source is None:
            continue
        empty.append(volume["name"])
        if source.get("sizeLimit"):
            text = str(source["sizeLimit"])
            found.append(
                Bound(
                    (volume["name"],),
                    False,
                    quantity.whole(text),
                    f'Usage of EmptyDir volume "{volume["name"]}" exceeds the limit "{text}".',
                )
            )
    limits = [
        quantity.whole(str(limit))
        for container in spec["containers"]
        if (limit := ((container.get("resources") or {}).get("limits") or {}).get(STORAGE))
    ]
    if limits:
        total = sum(limits)
        message = f"Pod ephemeral local storage usage exceeds the total limit of containers {total}"
        found.append(Bound(tuple(empty), True, total, message))
    return found


async def watch(
    pod: Obj,
    volumes: Callable[[], Mapping[str, Path]],
    logs: Path,
    start_time: float,
    now: Callable[[], float],
) -> tuple[str, str]:
    """Wait until the pod is past what it declared: the reason and message to end it with.

    Watched are its bounds on disk and `activeDeadlineSeconds`; for ever where it declares none.
    """
    bounds = bounds_of(pod)
    deadline = pod["spec"].get("activeDeadlineSeconds")
    end = math.inf if deadline is None else start_time + float(deadline)
    if not bounds and deadline is None:
        await asyncio.get_running_loop().create_future()
    pause, time = PERIOD_SECONDS, asyncio.get_running_loop().time
    while True:
        rest = max(0.0, end - now())
        await asyncio.sleep(min(rest, pause) if bounds else rest)
        if now() >= end:
            return "DeadlineExceeded", LATE
        begun = time()
        message = await asyncio.to_thread(over, bounds, dict(volumes()), logs)
        pause = rest_after(time() - begun)
        if message:
            return "Evicted", message


def rest_after(spent_seconds: float) -> float:
    """How long to leave the files alone after counting them took so long. Pure."""
    return max(PERIOD_SECONDS, spent_seconds * REST_FACTOR)


def over(bounds: Iterable[Bound], volumes: Mapping[str, Path], logs: Path) -> str:
    """Why the pod is to be evicted; empty when it keeps its bounds. Reads the file system."""
    for bound in bounds:
        folders = [volumes[name] for name in bound.volumes if name in volumes]
        folders += [logs] if bound.logs else []
        left = bound.limit_bytes
        for folder in folders:
            try:
                left -= used_bytes(folder, left)
            except OSError as error:
                shown = str(error.filename)[:MAX_SHOWN_CHARS]
                return f"{bound.message} ({shown} cannot be read: {error.strerror})"
        if left < 0:
            return bound.message
    return ""


def used_bytes(folder: Path, enough: int) -> int:
    """What the folder's files take up on disk; counting stops above ``enough``."""
    total = 0
    pending: list[str] = [str(folder)]
    while pending and total <= enough:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    total += found.st_blocks * _BLOCK_BYTES
                    if stat.S_ISDIR(found.st_mode):
                        pending.append(entry.path)
        except (FileNotFoundError, NotADirectoryError):  # removed or replaced while we looked
            continue
    return total
