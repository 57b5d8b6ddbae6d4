"""The Secrets that triggers name: each watched as long as one names it.

Only those: mqtrigger holds nobody else's secrets in memory.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fission.base import tasks
from fission.kube import client as kube_client
from fission.kube import informer
from fission.meta import gvk

Key = tuple[str, str]
Obj = dict[str, Any]


@dataclass(slots=True)
class _Watched:
    informer: informer.Informer[Obj]
    task: asyncio.Task[Any]
    users: set[Key]


class Secrets:
    """Secrets by namespace and name."""

    def __init__(
        self, client: kube_client.Client, group: tasks.Tasks, changed: Callable[[Key], None]
    ) -> None:
        """``changed`` gets each trigger that uses a Secret that came, changed or went."""
        self._client = client
        self._group = group
        self._changed = changed
        self._watched: dict[Key, _Watched] = {}
        self._used: dict[Key, Key] = {}

    async def use(self, trigger: Key, name: str) -> dict[str, bytes] | None:
        """The content of the Secret that a trigger names; None when there is none."""
        key = (trigger[0], name)
        if self._used.get(trigger) != key:
            self.release(trigger)
            self._used[trigger] = key
        watched = self._watched.get(key)
        if watched is None:
            watched = self._watched[key] = self._watch(key)
        watched.users.add(trigger)
        await watched.informer.wait_synced()
        found = watched.informer.lister.get(*key)
        return None if found is None else content(found)

    def release(self, trigger: Key) -> None:
        """A trigger names none any more."""
        key = self._used.pop(trigger, None)
        watched = self._watched.get(key) if key is not None else None
        if key is None or watched is None:
            return
        watched.users.discard(trigger)
        if not watched.users:
            del self._watched[key]
            watched.task.cancel()

    def _watch(self, key: Key) -> _Watched:
        namespace, name = key
        made = informer.Informer(
            self._client, gvk.SECRETS, namespace, field_selector=f"metadata.name={name}"
        )

        def tell(old: Obj | None, new: Obj | None) -> None:
            watched = self._watched.get(key)
            for user in list(watched.users) if watched is not None else ():
                self._changed(user)

        made.add_handler(tell)
        task = self._group.run(made.run(), f"informer of secret {namespace}/{name}")
        return _Watched(made, task, set())


def content(secret: Obj) -> dict[str, bytes]:
    """The data of a Secret; what is no base64 is left out."""
    found = {}
    for name, value in (secret.get("data") or {}).items():
        try:
            found[name] = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            continue
    return found
