"""Whose is a pod that looks generic? Its fetcher knows, whatever its labels say.

Asked once of each ready generic pod that was there before this process, and of a pod that was
chosen and did not answer as it should. A claim that this process can use is adopted, and recorded
where the labels do not tell it yet; a pod with a claim of no use goes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fission.api import function_types, labels
from fission.base import tasks
from fission.executor import catalog, errors
from fission.executor.poolmgr import fetchers, pods, pool, pools, records
from fission.meta import labels as meta_labels
from fission.meta import podports

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

AT_ONCE = 16
RETRY_SECONDS = 0.5


@dataclass(frozen=True)
class Deps:
    """The collaborators of the claims."""

    catalog: catalog.Catalog
    pools: pools.Pools
    records: records.Records
    fetchers: fetchers.Fetchers
    instance_id: str


class Claims:
    """Asks, and acts on the answer."""

    def __init__(
        self,
        deps: Deps,
        group: tasks.Tasks,
        *,
        adopt: Callable[[Obj, function_types.Function], None],
        failed: Callable[[pool.GenericPod], None],
    ) -> None:
        """``adopt``: the pod serves the function. ``failed``: the pod must go."""
        self._deps = deps
        self._group = group
        self._adopt = adopt
        self._failed = failed
        self._free: dict[str, bool] = {}
        """Pod UID → whether it is known to be nobody's; those being asked are not."""
        self._asking = asyncio.Semaphore(AT_ONCE)

    def is_free(self, pod: Obj) -> bool:
        """Whether anybody may have the pod; where that is not known it is asked, and offered."""
        uid = pod["metadata"]["uid"]
        if uid not in self._free:
            self._free[uid] = False
            self._group.spawn(self._resolve(pod), f"claim of {pod['metadata']['name']}")
        return self._free[uid]

    def lost(self, pod: pool.GenericPod) -> None:
        """A chosen pod did not answer, or said that it belongs to somebody: find out."""
        found = self._deps.catalog.pods.lister.get(pod.namespace, pod.name)
        if found is None:
            return
        if self._deps.pools.is_shared(found):
            uid = meta_labels.of(found).get(labels.ENVIRONMENT_UID, "")
            self._deps.pools.unready(uid, pod.uid)
            return
        self._group.spawn(self._resolve(found, delete_silent=True), f"claim of {pod.name}")

    def forget(self, uid: str) -> None:
        """The pod is gone."""
        self._free.pop(uid, None)

    async def _resolve(self, pod: Obj, *, delete_silent: bool = False) -> None:
        metadata = pod["metadata"]
        try:
            given = pods.generic_pod(pod)
        except podports.UnknownPort as error:
            logger.warning("pod cannot be used: %s", error, extra={"pod": metadata["name"]})
            return
        try:
            async with self._asking:
                found = await self._deps.fetchers.claims(given)
        except errors.PodLost as error:
            logger.warning("claim is not known: %s", error, extra={"pod": metadata["name"]})
            if delete_silent:
                self._failed(given)
            else:
                self._group.spawn(self._ask_again(pod), f"claim of {metadata['name']}")
            return
        if any(claim.loading for claim in found):
            self._group.spawn(self._ask_again(pod), f"claim of {metadata['name']}")
            return
        shared = self._deps.pools.is_shared(pod)
        for claim in found:
            self._use(pod, given, claim, shared)
        if not found or shared:
            self._offer(pod, given, was_chosen=delete_silent)

    def _offer(self, pod: Obj, given: pool.GenericPod, *, was_chosen: bool) -> None:
        """The pod is anybody's."""
        metadata = pod["metadata"]
        present = self._deps.catalog.pods.lister.get(metadata["namespace"], metadata["name"])
        if present is None or present["metadata"]["uid"] != metadata["uid"]:
            return
        self._free[metadata["uid"]] = True
        if was_chosen:
            environment_uid = meta_labels.of(pod).get(labels.ENVIRONMENT_UID, "")
            self._deps.pools.put_back(environment_uid, given)
        else:
            self._deps.pools.offer(present)

    async def _ask_again(self, pod: Obj) -> None:
        await asyncio.sleep(RETRY_SECONDS)
        metadata = pod["metadata"]
        present = self._deps.catalog.pods.lister.get(metadata["namespace"], metadata["name"])
        if present is not None and pods.is_generic(present):
            await self._resolve(present)

    def _use(self, pod: Obj, given: pool.GenericPod, claim: fetchers.Claim, shared: bool) -> None:
        function = self._deps.catalog.functions.lister.get(claim.namespace, claim.name)
        fits = (
            function is not None
            and function.metadata.uid == claim.uid
            and function.metadata.generation == claim.generation
            and claim.state == "loaded"
        )
        if function is not None and fits:
            self._adopt(pod, function)
            if not shared:
                settings_hash = self._deps.catalog.settings_hash(function)
                patch = pods.record_patch(given, function, settings_hash, self._deps.instance_id)
                self._deps.records.put(records.Record(given, patch))
                logger.info("adopted pod by its claim", extra={"pod": given.name})
        elif not shared:
            self._failed(given)
