"""What a function will need is brought near its pool before it is called for the first time.

When a function appears, or its package gets another deployment archive, a fetcher of the pool is
asked to unpack it. A fetcher that serves a node does it once for all pods there; one that keeps no
archives answers at once. What was there when the executor started is left alone: a restart must
not unpack everything there is. All of this may fail or be late; the first call then does the work.
"""

from __future__ import annotations

import logging
from typing import Final

from fission.api import environment_defaults, environment_types, function_types, package_types
from fission.base import archives
from fission.executor import catalog, errors, requests
from fission.executor.poolmgr import fetchers, pools, specialize
from fission.kube import reconcile, workqueue
from fission_http import errors as http_errors

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 50.0
AGAIN_SECONDS: Final = 2.0
"""How often a pool without a pod is looked at again."""
TRIES: Final = 15
REMEMBERED: Final = 1000
"""Archives that were asked for already."""


class Prefetching:
    """Keys are ``namespace/name`` of Functions."""

    def __init__(
        self,
        known: catalog.Catalog,
        all_pools: pools.Pools,
        calls: fetchers.Fetchers,
        specializer: specialize.Specializer,
    ) -> None:
        self._catalog = known
        self._pools = all_pools
        self._fetchers = calls
        self._specializer = specializer
        self._is_listening = False
        self._done: dict[tuple[str, str], None] = {}
        self._tries: dict[str, int] = {}
        self.queue: workqueue.WorkQueue[str] = workqueue.WorkQueue()

    def start(self) -> None:
        """Begin to listen, to what changes from now on."""
        self._catalog.functions.add_handler(self._on_function)
        self._catalog.packages.add_handler(self._on_package)
        self._is_listening = True

    async def run(self) -> None:
        """One archive after another, until cancelled."""
        await reconcile.run(self.queue, self.reconcile, workers=1, name="prefetching")

    async def reconcile(self, key: str) -> reconcile.Result | None:
        """Have the archive of one function unpacked, unless that was done."""
        function = self._catalog.functions.lister.get(*key.split("/", 1))
        environment = package = None
        if function is not None:
            of = catalog.environment_key(function).split("/", 1)
            environment = self._catalog.environments.lister.get(*of)
            of = catalog.package_key(function).split("/", 1)
            package = self._catalog.packages.lister.get(*of)
        if function is None or environment is None or package is None:
            self._tries.pop(key, None)
            return None
        if not is_worthwhile(package, environment):
            return None
        mark = (environment.metadata.uid, package.metadata.uid + archive_id(package))
        if mark in self._done:
            return None
        pod = self._pools.look(environment)
        if pod is None:
            self._tries[key] = self._tries.get(key, 0) + 1
            if self._tries[key] < TRIES:
                return reconcile.Result(requeue_after_seconds=AGAIN_SECONDS)
            del self._tries[key]
            return None
        self._tries.pop(key, None)
        try:
            request = await self._specializer.request(function, environment, package)
            await self._fetchers.prefetch(pod, request.fetch, TIMEOUT_SECONDS)
        except (http_errors.HttpError, errors.ExecutorError) as error:
            logger.info("not fetched beforehand", extra={"function": key, "error": str(error)})
            return None
        self._done[mark] = None
        while len(self._done) > REMEMBERED:
            del self._done[next(iter(self._done))]
        return None

    def _on_function(
        self, old: function_types.Function | None, new: function_types.Function | None
    ) -> None:
        if new is not None and (old is None or old.spec.package != new.spec.package):
            self._add(catalog.function_key(new))

    def _on_package(
        self, old: package_types.Package | None, new: package_types.Package | None
    ) -> None:
        if new is None:
            return
        key = f"{new.metadata.namespace}/{new.metadata.name}"
        for found in self._catalog.functions.lister.keys_by_index(catalog.BY_PACKAGE, key):
            self._add("/".join(found))

    def _add(self, key: str) -> None:
        if self._is_listening:
            self.queue.add(key)


def is_worthwhile(
    package: package_types.Package, environment: environment_types.Environment
) -> bool:
    """Whether there is something to unpack or download, which can be found again. Pure."""
    try:
        requests.check_loadable(package)
    except errors.PackageNotReady:
        return False
    archive = package.spec.deployment
    if environment_defaults.pool_size(environment.spec) == 0:
        return False
    if not archive.literal:
        return bool(archive.url and archive.checksum.sum)
    if environment.spec.keep_archive:
        return False
    try:
        return archives.form_of(archive.literal[: archives.HEAD_BYTES]) is not archives.Form.FILE
    except archives.UnsafeArchive:
        return False


def archive_id(package: package_types.Package) -> str:
    """What tells one deployment archive of a package from another. Pure."""
    archive = package.spec.deployment
    return archive.checksum.sum or f"generation {package.metadata.generation}"
