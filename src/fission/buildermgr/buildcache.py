"""The build cache: the same source, command and builder have made this archive before. Pure.

A ConfigMap per environment in the packages' namespace, owned by the Environment; a key per build,
its value what a Package's ``spec.deployment`` needs. Storagesvc keeps every archive that it names.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import sys
from dataclasses import dataclass
from typing import Any, Final

import fission
from fission.api import environment_types, labels, objects, package_types
from fission.base import clock as clocks
from fission.buildermgr import builders, names

Obj = dict[str, Any]

RELEASE: Final = f"{fission.__version__} {sys.version_info.major}.{sys.version_info.minor}"
"""The embedded cluster's images are of this release and this interpreter, whatever their names
say; anywhere else an upgrade costs one build more."""
TOUCH_AFTER_SECONDS: Final = 3600.0
"""How old the time of last use may grow before it is written anew."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An archive that was built before."""

    url: str
    checksum: package_types.Checksum
    used_at: datetime.datetime

    def archive(self) -> package_types.Archive:
        """As a Package holds it."""
        return package_types.Archive(type=package_types.URL, url=self.url, checksum=self.checksum)


def key_of(
    package: package_types.Package,
    environment: environment_types.Environment,
    target: builders.Target,
) -> str | None:
    """What the outcome of a build depends on; None for a source whose content is not known."""
    source = package.spec.source
    if source.literal:
        content = hashlib.sha256(source.literal).hexdigest()
    elif source.checksum.sum:
        content = source.checksum.sum.lower()
    else:
        return None
    builder = environment.spec.builder
    parts = {
        "release": RELEASE,
        "source": content,
        "command": command_of(package, environment),
        "image": [builder.image, target.image_id],
        "container": builder.container,
        "podspec": builder.podspec,
        "keeparchive": environment.spec.keep_archive,
    }
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def command_of(package: package_types.Package, environment: environment_types.Environment) -> str:
    """The build command: the package's, else the environment's; empty is the image's own."""
    return package.spec.build_command or environment.spec.builder.command


def find(cache: Obj | None, key: str) -> Entry | None:
    """The entry of that key."""
    text = ((cache or {}).get("data") or {}).get(key)
    return _parse(text) if text else None


def plan_put(cache: Obj | None, key: str, entry: Entry, max_entries: int) -> dict[str, str | None]:
    """The keys to write and, with None, those to remove: the ones used longest ago."""
    known = {
        name: _parse(text)
        for name, text in ((cache or {}).get("data") or {}).items()
        if name != key
    }
    excess = len(known) + 1 - max_entries
    oldest = sorted(known, key=lambda name: (_time(known[name]), name))
    patch: dict[str, str | None] = dict.fromkeys(oldest[: max(0, excess)])
    patch[key] = _format(entry)
    return patch


def make_config_map(
    environment: environment_types.Environment, data: dict[str, str], *, owner_references: bool
) -> Obj:
    """The cache of an environment, as it is created."""
    metadata = environment.metadata
    made: Obj = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": names.cache_name(metadata.name),
            "namespace": metadata.namespace,
            "labels": {labels.BUILD_CACHE: metadata.name},
        },
        "data": data,
    }
    if owner_references:
        made["metadata"]["ownerReferences"] = [
            {
                "apiVersion": environment.api_version,
                "kind": environment.kind,
                "name": metadata.name,
                "uid": metadata.uid,
                "blockOwnerDeletion": False,
            }
        ]
    return made


def _format(entry: Entry) -> str:
    return json.dumps(
        {
            "url": entry.url,
            "checksum": objects.encode_part(entry.checksum),
            "time": clocks.format_rfc3339(entry.used_at),
        }
    )


def _parse(text: str) -> Entry | None:
    try:
        wire = json.loads(text)
        return Entry(
            url=wire["url"],
            checksum=objects.decode(package_types.Checksum, wire.get("checksum") or {}),
            used_at=clocks.parse_rfc3339(wire["time"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _time(entry: Entry | None) -> float:
    return entry.used_at.timestamp() if entry is not None else 0.0
