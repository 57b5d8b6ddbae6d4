"""Extra pods: a pool grows by one for each request in line, and shrinks again.

Such a pod is made from the pool's own template, but directly: no ReplicaSet owns it, so no
ReplicaSet can choose to delete it in the moment in which a request is given it. This module alone
takes extra pods away, and only those that ``pool.Pool.retire`` hands over. It looks at what is:
extra pods that an earlier executor made are used and taken away like its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fission.api import environment_defaults, environment_types, labels
from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.base import tasks
from fission.executor import catalog, config, podparts
from fission.executor.poolmgr import pods, pools, resources
from fission.kube import client as kube_client
from fission.meta import gvk, objectmeta, podstate, status
from fission.meta import labels as meta_labels

logger = logging.getLogger(__name__)

Obj = dict[str, Any]
Provide = Callable[[str], Awaitable[None]]
"""Has what fetchers in a namespace need made there."""

TIDY_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 1.0
"""After a pod was refused (a quota, most likely): asking faster would not help."""
DELETE_GRACE_SECONDS: Final = 1
"""Nothing runs in a pod that nobody was given."""


class Growth:
    """Listens to what the pools want."""

    def __init__(
        self,
        client: kube_client.Client,
        known: catalog.Catalog,
        all_pools: pools.Pools,
        settings: config.Config,
        options: podparts.Options,
        *,
        provide: Provide,
        clock: clocks.Clock,
        group: tasks.Tasks,
    ) -> None:
        self._client = client
        self._catalog = known
        self._pools = all_pools
        self._settings = settings
        self._options = options
        self._provide = provide
        self._clock = clock
        self._group = group
        self._wanted_at: dict[str, float] = {}
        """Environment UID → when somebody last stood in line."""
        self._retired: set[str] = set()
        """UIDs of pods that nobody will be given any more; deleted until they are gone."""
        all_pools.on_want = self.grow

    def grow(self, environment: environment_types.Environment, count: int) -> None:
        """Ask for that many pods more; they are announced to the pool at once."""
        self._wanted_at[environment.metadata.uid] = self._clock.monotonic()
        for _ in range(count):
            self._pools.asked(environment.metadata.uid)
            self._group.spawn(self._make(environment), "extra pod")

    async def run(self) -> None:
        """Take away what is not needed any more, until cancelled."""
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            await self.tidy()

    async def tidy(self) -> None:
        """One look at all extra pods."""
        now = self._clock.monotonic()
        for uid in [uid for uid in self._wanted_at if not self._pools.knows(uid)]:
            del self._wanted_at[uid]
        extra: dict[str, list[Obj]] = {}
        there = set()
        for pod in self._catalog.pods.lister.list():
            if pods.is_generic(pod) and _is_extra(pod) and not objectmeta.is_deleting(pod):
                extra.setdefault(meta_labels.of(pod)[labels.ENVIRONMENT_UID], []).append(pod)
                there.add(_uid(pod))
        self._retired &= there
        for uid, found in extra.items():
            environment = self._environment(found[0])
            quiet = now - self._wanted_at.setdefault(uid, now)
            if environment is None or environment.metadata.uid != uid:
                await self._remove(found)
            elif self._pools.waiting(uid):
                self._wanted_at[uid] = now
            elif quiet >= self._settings.extra_pod_idle_seconds:
                size = environment_defaults.pool_size(environment.spec)
                unready = [_uid(pod) for pod in found if not podstate.is_ready(pod)]
                self._retired.update(self._pools.retire_surplus(uid, size, unready))
                await self._remove([pod for pod in found if _uid(pod) in self._retired])

    async def _make(self, environment: environment_types.Environment) -> None:
        """Make one pod; who waits for it is told by the informer."""
        environment_uid, uid, refusal = environment.metadata.uid, None, ""
        namespace = self._settings.function_namespace_of(environment.metadata.namespace)
        try:
            wanted = resources.make_extra_pod(environment, namespace, self._options)
            await self._provide(namespace)
            made = await self._client.create(gvk.PODS, wanted, namespace)
            uid = _uid(made)
        except base_errors.Error as error:
            refusal = error.message
            logger.warning(
                "extra pod was refused: %s",
                error,
                extra={"environment": f"{namespace}/{environment.metadata.name}"},
            )
            await asyncio.sleep(PAUSE_SECONDS)
        finally:
            self._pools.answered(environment_uid, uid, refusal)

    async def _remove(self, found: list[Obj]) -> None:
        for pod in found:
            metadata = pod["metadata"]
            try:
                await self._client.delete(
                    gvk.PODS,
                    metadata["name"],
                    metadata["namespace"],
                    grace_period_seconds=DELETE_GRACE_SECONDS,
                    precondition_uid=metadata["uid"],
                )
            except (status.NotFound, status.Conflict):
                continue
            except base_errors.Error as error:
                logger.warning("extra pod stays for now: %s", error)

    def _environment(self, pod: Obj) -> environment_types.Environment | None:
        found = meta_labels.of(pod)
        return self._catalog.environments.lister.get(
            found.get(labels.ENVIRONMENT_NAMESPACE), found.get(labels.ENVIRONMENT_NAME, "")
        )


def _is_extra(pod: Obj) -> bool:
    return meta_labels.of(pod).get(labels.POOL_EXTRA) == "true"


def _uid(pod: Obj) -> str:
    return str(pod["metadata"]["uid"])
