"""A pod's volumes as folders of this machine: what they hold, when to renew it, when it goes.

`plan_*` functions are pure: they turn a volume's source and the objects it names into files.
`Store` writes them. Refused by name: volume types that need a driver or a mount (nfs, csi, …),
memory-backed emptyDirs, hostPath for confined pods.
"""

from __future__ import annotations

import asyncio
import base64
import datetime
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fission.base import clock as clocks
from fission.cluster.kubelet import environment, errors, files, paths, users

Obj = dict[str, Any]

DEFAULT_MODE = 0o644
DEFAULT_TOKEN_SECONDS = 3600
TOKEN_RENEWAL_SHARE = 0.8
"""A token is renewed after this part of its life (the kubelet's rule)."""
SHORTEST_RENEWAL_SECONDS = 10.0

KNOWN = (
    "emptyDir", "secret", "configMap", "downwardAPI", "projected", "hostPath",
    "persistentVolumeClaim",
)  # fmt: skip


@dataclass(frozen=True)
class Sources:
    """Where a volume's content comes from. Getters answer None for what does not exist."""

    secret: Callable[[str, str], Awaitable[Obj | None]]
    config_map: Callable[[str, str], Awaitable[Obj | None]]
    claim: Callable[[str, str], Awaitable[Obj | None]]
    token: Callable[[Obj, str, int], Awaitable[tuple[str, float]]]
    """(pod, audience, seconds) → token and the time (epoch seconds) when it expires."""


@dataclass
class Content:
    """The files of one volume and when they must be made anew."""

    files: dict[str, files.File] = field(default_factory=dict)
    renew_at: float | None = None


class Store:
    """All volumes of all pods on disk."""

    def __init__(
        self, places: paths.Paths, sources: Sources, host_ip: str, clock: clocks.Clock
    ) -> None:
        self._places = places
        self._sources = sources
        self._host_ip = host_ip
        self._clock = clock

    async def mount(
        self, pod: Obj, pod_ip: str, *, confined: bool, owner: int | None
    ) -> tuple[dict[str, Path], float | None]:
        """Provide every volume: name → folder, and the time to call again at the latest.

        Calling again renews what changed. VolumeError: one cannot be had at present; Refused:
        never on this node.
        """
        found: dict[str, Path] = {}
        times: list[float] = []
        for volume in pod["spec"].get("volumes") or ():
            path, renew_at = await self._one(pod, volume, pod_ip, confined=confined, owner=owner)
            found[volume["name"]] = path
            if renew_at is not None:
                times.append(renew_at)
        return found, min(times, default=None)

    async def _one(
        self, pod: Obj, volume: Obj, pod_ip: str, *, confined: bool, owner: int | None
    ) -> tuple[Path, float | None]:
        name, meta = volume["name"], pod["metadata"]
        folder = self._places.volume(meta["uid"], name)
        kind = kind_of(volume)
        source = volume.get(kind) or {}
        if kind == "emptyDir":
            if source.get("medium"):
                raise errors.Refused(
                    f'volume "{name}": emptyDir.medium {source["medium"]!r} is not supported by '
                    "this node; leave it out"
                )
            make_folder(folder, owner, 0o777)
            return folder, None
        if kind == "hostPath":
            return host_path(name, source, confined=confined), None
        if kind == "persistentVolumeClaim":
            return await self._claim(meta["namespace"], name, source, owner), None
        if kind == "projected":
            content = await self._projected(pod, source, pod_ip)
        else:
            content = await self._simple(pod, kind, source, pod_ip, source.get("defaultMode"))
        await asyncio.to_thread(_write, folder, content.files, owner)
        return folder, content.renew_at

    async def _claim(self, namespace: str, name: str, source: Obj, owner: int | None) -> Path:
        claim = source["claimName"]
        if await self._sources.claim(namespace, claim) is None:
            raise errors.VolumeError(f'persistentvolumeclaim "{claim}" not found (volume "{name}")')
        if owner is not None and owner != users.of_claim(namespace, claim):
            raise errors.Refused(
                f'volume "{name}": a pod of this node mounts one persistent volume claim, whose '
                f'user it is; "{claim}" is another'
            )
        folder = self._places.claim(namespace, claim)
        make_folder(folder, owner, 0o770)
        return folder

    async def _projected(self, pod: Obj, source: Obj, pod_ip: str) -> Content:
        content = Content()
        mode = source.get("defaultMode")
        for part in source.get("sources") or ():
            [kind] = part.keys()
            one = await self._simple(pod, kind, part[kind], pod_ip, mode)
            content.files |= one.files
            if one.renew_at is not None:
                content.renew_at = min(one.renew_at, content.renew_at or one.renew_at)
        return content

    async def _simple(
        self, pod: Obj, kind: str, source: Obj, pod_ip: str, default_mode: int | None
    ) -> Content:
        mode = DEFAULT_MODE if default_mode is None else default_mode
        namespace = pod["metadata"]["namespace"]
        if kind in ("secret", "configMap"):
            name = source.get("secretName") or source.get("name") or ""
            lookup = self._sources.secret if kind == "secret" else self._sources.config_map
            found = await lookup(namespace, name)
            return Content(plan_keys(kind, name, source, found, mode))
        if kind == "downwardAPI":
            return Content(plan_downward(pod, source, pod_ip, self._host_ip, mode))
        if kind == "serviceAccountToken":
            seconds = int(source.get("expirationSeconds") or DEFAULT_TOKEN_SECONDS)
            token, expires = await self._sources.token(pod, source.get("audience") or "", seconds)
            now = self._clock.now().timestamp()
            renew_at = now + max(SHORTEST_RENEWAL_SECONDS, (expires - now) * TOKEN_RENEWAL_SHARE)
            # Readable by its owner alone where the owner is the container's user.
            return Content({source["path"]: files.File(token.encode(), 0o600)}, renew_at)
        raise errors.Refused(f"projected volume source {kind!r} is not supported by this node")

    def remove(self, pod: Obj) -> None:
        """Delete everything of a pod that is gone: volumes but claims, its record, its logs."""
        meta = pod["metadata"]
        shutil.rmtree(self._places.pod(meta["uid"]), ignore_errors=True)
        logs = self._places.pod_logs(meta["namespace"], meta["name"], meta["uid"])
        shutil.rmtree(logs, ignore_errors=True)


def kind_of(volume: Obj) -> str:
    kinds = [key for key in volume if key != "name" and volume[key] is not None]
    kind = kinds[0] if kinds else "emptyDir"
    if kind not in KNOWN:
        raise errors.Refused(
            f'volume "{volume["name"]}": type {kind} is not supported by this node; '
            f"supported are {', '.join(KNOWN)}"
        )
    return kind


def plan_keys(
    kind: str, name: str, source: Mapping[str, Any], found: Obj | None, mode: int
) -> dict[str, files.File]:
    """Secret or ConfigMap → files, by `items` where given."""
    word = "secret" if kind == "secret" else "configmap"
    if found is None:
        if source.get("optional"):
            return {}
        raise errors.VolumeError(f'{word} "{name}" not found')
    data: dict[str, bytes] = {}
    if kind == "secret":
        data = {k: base64.b64decode(v or "") for k, v in (found.get("data") or {}).items()}
    else:
        data = {k: v.encode() for k, v in (found.get("data") or {}).items()}
        data |= {k: base64.b64decode(v) for k, v in (found.get("binaryData") or {}).items()}
    items = source.get("items")
    if items is None:
        return {key: files.File(value, mode) for key, value in data.items()}
    planned: dict[str, files.File] = {}
    for item in items:
        if item["key"] not in data:
            if source.get("optional"):
                continue
            raise errors.VolumeError(f'{word} "{name}" has no key {item["key"]!r}')
        chosen = item.get("mode")
        path = files.check_path(item["path"])
        planned[path] = files.File(data[item["key"]], mode if chosen is None else chosen)
    return planned


def plan_downward(
    pod: Obj, source: Mapping[str, Any], pod_ip: str, host_ip: str, mode: int
) -> dict[str, files.File]:
    planned: dict[str, files.File] = {}
    for item in source.get("items") or ():
        try:
            if item.get("fieldRef"):
                text = environment.field_value(pod, item["fieldRef"]["fieldPath"], pod_ip, host_ip)
            else:
                text = environment.resource_value(pod, item["resourceFieldRef"], None, {})
        except errors.ContainerConfigError as error:
            raise errors.VolumeError(str(error)) from error
        chosen = item.get("mode")
        planned[files.check_path(item["path"])] = files.File(
            text.encode(), mode if chosen is None else chosen
        )
    return planned


def host_path(name: str, source: Mapping[str, Any], *, confined: bool) -> Path:
    if confined:
        raise errors.Refused(
            f'volume "{name}": hostPath is only for the platform\'s own images on this node'
        )
    path = Path(source["path"])
    kind = source.get("type") or ""
    if kind == "DirectoryOrCreate":
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
    fits = {
        "": path.exists(),
        "Directory": path.is_dir(),
        "DirectoryOrCreate": path.is_dir(),
        "File": path.is_file(),
    }
    if kind not in fits:
        raise errors.Refused(f'volume "{name}": hostPath.type {kind!r} is not supported')
    if not fits[kind]:
        raise errors.VolumeError(f'volume "{name}": hostPath {path} is not a {kind or "path"}')
    return path


def make_folder(folder: Path, owner: int | None, mode: int) -> None:
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    os.chmod(folder, mode)
    if owner is not None:
        os.chown(folder, owner, owner)


def expiry(text: str) -> float:
    """The `expirationTimestamp` of a token as epoch seconds."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _write(folder: Path, content: Mapping[str, files.File], owner: int | None) -> None:
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        files.replace_all(folder, content, owner)
    except OSError as error:
        raise errors.VolumeError(f"{folder.name}: {error.strerror}") from error
