"""Secrets and ConfigMaps as files: ``<namespace>/<name>/<key>``, or ``<mountPath>/<key>``."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Sequence
from typing import Any, Final, Protocol

from fission.api import function_types
from fission.fetcher import errors, volume
from fission.meta import gvk, status

MODE: Final = 0o750
"""Fission's mode for these files and their folders."""


class Reader(Protocol):
    """Gets one object; ``kube.client.Client`` does."""

    async def get(
        self, resource: gvk.Resource, name: str, namespace: str | None = None
    ) -> dict[str, Any]: ...


async def put_secrets(
    references: Sequence[function_types.MountedReference], target: volume.Volume, reader: Reader
) -> None:
    """Write every key of every Secret."""
    await _put(references, target, reader, gvk.SECRETS, secret_files)


async def put_config_maps(
    references: Sequence[function_types.MountedReference], target: volume.Volume, reader: Reader
) -> None:
    """Write every key of every ConfigMap."""
    await _put(references, target, reader, gvk.CONFIGMAPS, config_map_files)


def secret_files(secret: dict[str, Any]) -> dict[str, bytes]:
    """File content by key. Pure."""
    try:
        return {
            key: base64.b64decode(value, validate=True)
            for key, value in (secret.get("data") or {}).items()
        }
    except (binascii.Error, ValueError) as error:
        raise errors.BadRequest(f"a value of the secret is not base64: {error}") from error


def config_map_files(config_map: dict[str, Any]) -> dict[str, bytes]:
    """File content by key, text and binary. Pure."""
    files = {key: str(value).encode() for key, value in (config_map.get("data") or {}).items()}
    for key, value in (config_map.get("binaryData") or {}).items():
        files[key] = base64.b64decode(value)
    return files


async def _put(
    references: Sequence[function_types.MountedReference],
    target: volume.Volume,
    reader: Reader,
    resource: gvk.Resource,
    files_of: Any,
) -> None:
    async def put(reference: function_types.MountedReference) -> None:
        try:
            found = await reader.get(resource, reference.name, reference.namespace)
        except status.NotFound as error:
            raise errors.NotFound(
                f"{resource.kind} {reference.namespace}/{reference.name} does not exist"
            ) from error
        folder = reference.mount_path or f"{reference.namespace}/{reference.name}"
        for key, data in files_of(found).items():
            volume.checked_parts(key)
            target.put_file(f"{folder}/{key}", data, MODE)

    await asyncio.gather(*(put(reference) for reference in references))
