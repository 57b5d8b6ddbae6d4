"""What a namespace needs before the first pod in it: made once, and looked after now and then."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, Final

from fission.base import clock as clocks
from fission.kube import client as kube_client
from fission.meta import gvk, objectmeta, status

logger = logging.getLogger(__name__)

Obj = dict[str, Any]
Wanted = Iterable[tuple[gvk.Resource, Obj]]

AGAIN_SECONDS: Final = 300.0
"""How often a namespace's objects are looked after."""


class Provisioner:
    """Creates what is missing. What is there is left alone, but for the data of Secrets."""

    def __init__(self, client: kube_client.Client, clock: clocks.Clock) -> None:
        self._client = client
        self._clock = clock
        self._done_at: dict[str, float] = {}

    async def provide(self, namespace: str, make: Callable[[], Wanted]) -> None:
        """Have everything there, unless that was so a moment ago."""
        now = self._clock.monotonic()
        done_at = self._done_at.get(namespace)
        if done_at is not None and now - done_at < AGAIN_SECONDS:
            return
        for resource, obj in make():
            try:
                await self._put(resource, obj, namespace)
            except status.Forbidden as error:
                # Where tenants are set up by somebody else a component need not have the rights.
                logger.warning(
                    "namespace was not provisioned: %s", error, extra={"namespace": namespace}
                )
        self._done_at[namespace] = now

    async def _put(self, resource: gvk.Resource, obj: Obj, namespace: str) -> None:
        try:
            await self._client.create(resource, obj, namespace)
        except status.AlreadyExists:
            if resource is gvk.SECRETS:
                name = objectmeta.name_of(obj)
                await self._client.patch(resource, name, {"data": obj["data"]}, namespace)
