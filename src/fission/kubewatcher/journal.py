"""What survives a restart: up to where a trigger's function was told, and of which objects.

One ConfigMap for each trigger, owned by it and written as a whole, so position and objects always
belong together. Objects are ``name → (uid, version)`` as compressed JSON, some 30 bytes each. Past
``MAX_OBJECTS_BYTES`` they are left out and the journal says so: then only deletions during a gap
could not be known, and ``follower`` says that too when there is one.

``Content`` and the two conversions are pure; ``Journal`` reads and writes.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import zlib
from dataclasses import dataclass, field
from typing import Any, Final

from fission.api import kuberneteswatchtrigger_types, labels
from fission.base import errors
from fission.kube import client as kube_client
from fission.kubewatcher import plan
from fission.meta import codec, gvk, status

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

NAME_PREFIX: Final = "watch-journal-"
MAX_OBJECTS_BYTES: Final = 700 * 1024
"""Compressed; a ConfigMap may hold 1 MiB, and base64 adds a third."""
_OBJECTS: Final = "objects.json.zlib"


class Lost(errors.Error):
    """Another process wrote the journal: it follows this trigger, and we must not go on."""

    reason = "JournalLost"
    retryable = True


class Refused(errors.Error):
    """The API does not let us keep a journal."""

    reason = "JournalRefused"


@dataclass
class Content:
    """What a journal says."""

    identity: str
    """Resource and selector that position and objects are of; of another one they say nothing."""
    position: str = ""
    """resourceVersion up to which the function was told; empty before the first list ended."""
    known: plan.Known = field(default_factory=dict)
    is_complete: bool = True
    """Whether ``known`` has every object that the function was told of."""


def identity_of(resource: gvk.Resource, selector: str) -> str:
    """What a position is of. Versions of one resource's API share it."""
    return f"{resource.group_resource}?{selector}"


def encode(content: Content, most_bytes: int = MAX_OBJECTS_BYTES) -> dict[str, Any]:
    """Data of the ConfigMap."""
    listed = {name: tuple(seen) for name, seen in content.known.items()}
    objects = zlib.compress(codec.to_json(listed), 6)
    is_complete = content.is_complete and len(objects) <= most_bytes
    return {
        "data": {
            "watched": content.identity,
            "resourceVersion": content.position,
            "complete": "true" if is_complete else "false",
            "objects": str(len(content.known)),
        },
        "binaryData": {_OBJECTS: base64.b64encode(objects).decode()} if is_complete else {},
    }


def decode(config_map: Obj, identity: str) -> Content | None:
    """What a ConfigMap says of ``identity``; None when it is of another, or damaged."""
    data = config_map.get("data") or {}
    if data.get("watched") != identity:
        return None
    position = str(data.get("resourceVersion", ""))
    if data.get("complete") != "true":
        return Content(identity, position, {}, is_complete=False)
    try:
        packed = base64.b64decode((config_map.get("binaryData") or {})[_OBJECTS], validate=True)
        found = codec.from_json(zlib.decompress(packed))
        known = {str(name): plan.Seen(*map(str, seen)) for name, seen in found.items()}
    except (KeyError, TypeError, AttributeError, ValueError, zlib.error, errors.Error) as error:
        logger.warning("journal is damaged: %s", error)
        return Content(identity, position, {}, is_complete=False)
    return Content(identity, position, known)


class Journal:
    """The journal of one trigger. One writer: a stranger's write raises Lost."""

    def __init__(
        self,
        client: kube_client.Client,
        trigger: kuberneteswatchtrigger_types.KubernetesWatchTrigger,
        identity: str,
    ) -> None:
        self._client = client
        self._trigger = trigger
        self._resource_version = ""
        self._writing = asyncio.Lock()
        self.name = NAME_PREFIX + trigger.metadata.uid
        self.content = Content(identity)
        self.size_bytes = 0
        """Of the objects, as last written."""
        self.is_full = False
        """Whether they were left out of the last write."""

    @property
    def _namespace(self) -> str:
        return self._trigger.metadata.namespace

    async def load(self) -> bool:
        """Read, or begin, the journal; whether there was one at all, of whatever identity."""
        identity = self.content.identity
        try:
            found = await self._client.get(gvk.CONFIGMAPS, self.name, self._namespace)
        except status.Forbidden as error:
            raise Refused(f"ConfigMap {self.name} cannot be read: {error}") from error
        except status.NotFound:
            await self.save()
            return False
        self._resource_version = found["metadata"]["resourceVersion"]
        read = decode(found, identity)
        if read is None:
            await self.save()
        else:
            self.content = read
        return True

    async def save(self) -> None:
        """Write what the content is now. A write that was begun is finished, whoever waits."""
        writing = asyncio.ensure_future(self._write())
        writing.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(writing)

    async def _write(self) -> None:
        async with self._writing:
            await self._write_now()

    async def _write_now(self) -> None:
        content = self.content
        copied = Content(
            content.identity, content.position, dict(content.known), content.is_complete
        )
        data = await asyncio.to_thread(encode, copied)
        wanted = {**self._skeleton(), **data}
        for attempt in range(2):
            try:
                if self._resource_version:
                    wanted["metadata"]["resourceVersion"] = self._resource_version
                    written = await self._client.replace(gvk.CONFIGMAPS, wanted)
                else:
                    written = await self._client.create(gvk.CONFIGMAPS, wanted)
                break
            except status.NotFound:
                if attempt:
                    raise
                self._resource_version = ""
                wanted["metadata"].pop("resourceVersion", None)
            except (status.Conflict, status.AlreadyExists) as error:
                raise Lost(f"somebody else wrote ConfigMap {self.name}") from error
            except (status.Forbidden, status.Invalid) as error:
                raise Refused(f"ConfigMap {self.name} cannot be written: {error}") from error
        self._resource_version = written["metadata"]["resourceVersion"]
        self.size_bytes = sum(len(text) for text in data["binaryData"].values())
        self.is_full = content.is_complete and not data["binaryData"]

    def _skeleton(self) -> Obj:
        trigger = self._trigger
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.name,
                "namespace": self._namespace,
                "labels": {labels.WATCH_JOURNAL: trigger.metadata.name[:63].rstrip("-.")},
                "ownerReferences": [
                    {
                        "apiVersion": trigger.api_version,
                        "kind": trigger.kind,
                        "name": trigger.metadata.name,
                        "uid": trigger.metadata.uid,
                    }
                ],
            },
        }
