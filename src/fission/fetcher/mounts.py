"""Secrets and ConfigMaps as files: ``<namespace>/<name>/<key>``, or ``<mountPath>/<key>``.

They are read again every few seconds for as long as the pod lives, and what has changed is
exchanged folder by folder in one step: user code never sees half of a change, nor a certificate
beside another one's key. What a pod holds is remembered in a file out of the function's reach, so
that a fetcher that was restarted goes on. Asking again needs no more rights than asking once, which
a watch would; an object that is deleted keeps its files, as it does on Kubernetes.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import pathlib
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from typing import Any, Final, Protocol

from fission.api import function_types
from fission.base import errors as base_errors
from fission.contracts import fetcher as wire
from fission.fetcher import errors, volume
from fission.meta import gvk, objectmeta, status

logger = logging.getLogger(__name__)

MODE: Final = 0o750
"""Fission's mode for these files and their folders."""


class Reader(Protocol):
    """Gets one object; ``kube.client.Client`` does."""

    async def get(
        self, resource: gvk.Resource, name: str, namespace: str | None = None
    ) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Mount:
    """One object and the folder that its keys go into."""

    kind: str
    namespace: str
    name: str
    folder: str

    @property
    def resource(self) -> gvk.Resource:
        return gvk.SECRETS if self.kind == gvk.SECRETS.kind else gvk.CONFIGMAPS


class Mounts:
    """What a pod holds of Secrets and ConfigMaps."""

    def __init__(
        self,
        reader: Callable[[], Reader],
        volume_of: Callable[[str], volume.Volume],
        state: pathlib.Path | None,
    ) -> None:
        """``volume_of`` a kind; ``state`` is the file that remembers."""
        self._reader = reader
        self._volume_of = volume_of
        self._state = state
        self._versions: dict[Mount, str] = {}
        if state is not None and state.exists():
            self._versions = {Mount(*each): "" for each in json.loads(state.read_bytes())}

    def __len__(self) -> int:
        return len(self._versions)

    async def put(self, request: wire.FunctionFetchRequest) -> None:
        """Write what a request names; raises NotFound for what does not exist."""
        wanted = [
            *_mounts(gvk.SECRETS.kind, request.secret_list),
            *_mounts(gvk.CONFIGMAPS.kind, request.config_map_list),
        ]
        if not wanted:
            return
        self._versions |= {mount: self._versions.get(mount, "") for mount in wanted}
        self._remember()
        await asyncio.gather(*(self._put(mount) for mount in wanted))

    async def refresh(self) -> int:
        """Write what has changed; returns how many objects that were."""
        changed = 0
        for mount in list(self._versions):
            try:
                changed += await self._put(mount)
            except (base_errors.Error, OSError) as error:
                logger.debug(
                    "files not refreshed",
                    extra={
                        "kind": mount.kind,
                        "namespace": mount.namespace,
                        "name": mount.name,
                        "error": str(error),
                    },
                )
        return changed

    async def _put(self, mount: Mount) -> bool:
        try:
            found = await self._reader().get(mount.resource, mount.name, mount.namespace)
        except status.NotFound as error:
            raise errors.NotFound(
                f"{mount.kind} {mount.namespace}/{mount.name} does not exist"
            ) from error
        version = objectmeta.resource_version_of(found)
        if version and version == self._versions.get(mount):
            return False
        files = secret_files(found) if mount.kind == gvk.SECRETS.kind else config_map_files(found)
        target = self._volume_of(mount.kind)
        if any(other.folder.startswith(f"{mount.folder}/") for other in self._versions):
            # Somebody else's folder lies inside this one: file by file, then.
            for key, data in files.items():
                target.put_file(f"{mount.folder}/{volume.checked_name(key, 'key')}", data, MODE)
        else:
            target.put_files(mount.folder, files, MODE)
        is_refreshed = bool(self._versions.get(mount))
        self._versions[mount] = version
        if is_refreshed:
            logger.info(
                "files refreshed",
                extra={"kind": mount.kind, "namespace": mount.namespace, "name": mount.name},
            )
        return is_refreshed

    def _remember(self) -> None:
        if self._state is None:
            return
        fresh = self._state.with_name(f"{self._state.name}.new")
        fresh.write_text(json.dumps([astuple(mount) for mount in self._versions]))
        fresh.replace(self._state)


def _mounts(kind: str, references: Iterable[function_types.MountedReference]) -> Iterable[Mount]:
    for each in references:
        folder = each.mount_path or f"{each.namespace}/{each.name}"
        volume.checked_parts(folder, "mountPath")
        yield Mount(kind, each.namespace, each.name, folder)


def secret_files(secret: dict[str, Any]) -> dict[str, bytes]:
    """File content by key. Pure."""
    return _decoded("the secret", secret.get("data"))


def config_map_files(config_map: dict[str, Any]) -> dict[str, bytes]:
    """File content by key, text and binary. Pure."""
    files = {key: str(value).encode() for key, value in (config_map.get("data") or {}).items()}
    return files | _decoded("the config map", config_map.get("binaryData"))


def _decoded(what: str, data: dict[str, str] | None) -> dict[str, bytes]:
    files = {}
    for key, value in (data or {}).items():
        try:
            files[key] = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise errors.BadRequest(f"key {key!r} of {what} is not base64: {error}") from error
    return files
