"""One specialization: observe, choose a pod, have it claimed and loaded, hand the record over.

The answer waits for the fetcher alone. Labels, annotations and status follow behind. A pod that
is lost on the way (gone, or claimed by somebody else) is replaced by another; a function that does
not load takes its pod with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final
from urllib import parse

from fission.api import (
    environment_defaults,
    environment_types,
    function_defaults,
    function_types,
    package_types,
)
from fission.base import clock as clocks
from fission.base import turns
from fission.contracts import coldstart, storage
from fission.contracts import fetcher as wire
from fission.executor import catalog, errors, fscache, requests
from fission.executor.poolmgr import (
    failures,
    fetchers,
    pods,
    pool,
    pools,
    records,
    resources,
)
from fission.kube import peers

logger = logging.getLogger(__name__)

HOLD_SECONDS: Final = 0.25
"""How long a load counts: one that only computes is over by then, others hold up nobody."""
MAX_PODS_TRIED: Final = 8
"""Lost pods are rare; more than this in one request is a fault that should be seen."""
LEASE_MARGIN_SECONDS: Final = 60.0
"""Beyond the function's own timeout: how long a request of a silent router counts."""

PodEvent = Callable[[pool.GenericPod], None]


class Specializer:
    """Turns generic pods into function services."""

    def __init__(
        self,
        known: catalog.Catalog,
        all_pools: pools.Pools,
        calls: fetchers.Fetchers,
        written: records.Records,
        resolved: peers.Peers,
        line: turns.Turns,
        *,
        namespace: str,
        instance_id: str,
        clock: clocks.Clock,
        on_failed: PodEvent,
        on_lost: PodEvent,
        on_start: Callable[[function_types.Function], None] = lambda function: None,
    ) -> None:
        """``on_failed``: the pod must go. ``on_lost``: somebody should find out whose it is.

        ``on_start``: a request waited for this one."""
        self._catalog = known
        self._pools = all_pools
        self._fetchers = calls
        self._records = written
        self._peers = resolved
        self._turns = line
        self._namespace = namespace
        self._instance_id = instance_id
        self._clock = clock
        self._on_failed = on_failed
        self._on_lost = on_lost
        self._on_start = on_start

    async def specialize(
        self,
        function: function_types.Function,
        *,
        once: bool,
        further: bool,
        timeout_seconds: float,
        ahead: bool = False,
    ) -> fscache.FunctionService:
        """Return a service that runs the function; raises ExecutorError.

        ``further``: the function has other pods, or they are on the way. ``ahead``: no request
        waits for it.
        """
        watch = _Watch(self._clock)
        requests.check_reach(function)
        environment = await self._catalog.environment(function)
        package = await self._catalog.package(function)
        requests.check_loadable(package)
        await self._catalog.check_settings(function)
        settings_hash = self._catalog.settings_hash(function)
        request = await self.request(function, environment, package)
        watch.step(coldstart.LOOKUP)
        for _ in range(MAX_PODS_TRIED):
            uid = function.metadata.uid
            pod = await self._pools.choose(environment, uid, further=further, ahead=ahead)
            watch.step(coldstart.POD)
            try:
                async with self._turns.turn(uid):
                    watch.step(coldstart.TURN)
                    told = await self._fetchers.specialize(pod, request, timeout_seconds)
            except errors.PodLost as error:
                logger.warning("pod was lost", extra={"pod": pod.name, "error": error.message})
                self._on_lost(pod)
                continue
            except BaseException:
                if not environment_defaults.is_infinite(environment.spec):
                    self._on_failed(pod)
                raise
            watch.calls(told)
            if not ahead:
                self._on_start(function)
            if not environment_defaults.is_infinite(environment.spec):
                patch = pods.record_patch(
                    pod, function, settings_hash, self._instance_id, watch.breakdown()
                )
                self._records.put(records.Record(pod, patch))
            return make_service(function, pod, self._clock.monotonic(), once=once)
        raise errors.NoPod(
            f"{MAX_PODS_TRIED} pods of environment {environment.metadata.name} were lost "
            "while they were specialized"
        )

    def hurry(self, function_uid: str) -> None:
        """A request waits for what was to be there ahead of any."""
        self._pools.hurry(function_uid)

    def mark(self, function: function_types.Function) -> failures.Mark:
        """What of the function and around it decides whether it loads."""
        package = self._catalog.packages.lister.get(*catalog.package_key(function).split("/", 1))
        of = catalog.environment_key(function).split("/", 1)
        environment = self._catalog.environments.lister.get(*of)
        return failures.Mark(
            function.metadata.generation,
            package.metadata.uid + package.metadata.resource_version if package else "",
            self._catalog.settings_hash(function),
            resources.runtime_hash(environment) if environment else "",
        )

    async def request(
        self,
        function: function_types.Function,
        environment: environment_types.Environment,
        package: package_types.Package,
    ) -> wire.FunctionSpecializeRequest:
        """What a fetcher is asked for."""
        requests.check_shared(function, environment)
        request = requests.make_request(
            function, environment, package, await self._storage_url(package)
        )
        request.fetch.env = function.spec.env
        request.fetch.env_from = function.spec.env_from
        return request

    async def _storage_url(self, package: package_types.Package) -> str:
        """Where storagesvc is, if the archive is there; a fetcher cannot resolve its name."""
        url = package.spec.deployment.url
        if storage.archive_id(url) is None:
            return ""
        host = (parse.urlsplit(url).hostname or "").split(".")
        if host[0] != "storagesvc":
            return ""
        namespace = host[1] if len(host) > 1 else self._namespace
        found = await self._peers.urls(namespace, "storagesvc", "http")
        return found[0] if found else ""


class _Watch:
    """Takes the time of one start, step by step."""

    def __init__(self, clock: clocks.Clock) -> None:
        self._clock = clock
        self._began = self._last = clock.monotonic()
        self._steps: dict[str, float] = {}

    def step(self, name: str) -> float:
        """A step is over; returns its milliseconds. Of a second pod tried the times add up."""
        now = self._clock.monotonic()
        taken = (now - self._last) * 1000
        self._steps[name] = self._steps.get(name, 0.0) + taken
        self._last = now
        return taken

    def calls(self, told: list[coldstart.Step]) -> None:
        """The call of the fetcher is over; what it told of it comes first, the rest is ways."""
        taken = self.step(coldstart.CALLS)
        rest = self._steps.pop(coldstart.CALLS) - taken
        for one in told:
            self._steps[one.name] = self._steps.get(one.name, 0.0) + one.ms
        self._steps[coldstart.CALLS] = rest + max(0.0, taken - sum(one.ms for one in told))

    def breakdown(self) -> coldstart.ColdStart:
        steps = [coldstart.Step(name, round(ms, 1)) for name, ms in self._steps.items()]
        return coldstart.make(self._clock.now(), self._last - self._began, steps)


def make_service(
    function: function_types.Function, pod: pool.GenericPod, now: float, *, once: bool
) -> fscache.FunctionService:
    """The cache entry of a pod that serves a function."""
    timeout = function_defaults.timeout_seconds(function.spec)
    return fscache.FunctionService(
        key=fscache.FunctionKey(function.metadata.uid, function.metadata.generation),
        address=pod.service_address,
        namespace=pod.namespace,
        pod=pod.name,
        pod_uid=pod.uid,
        created_at=now,
        last_used_at=now,
        lease_seconds=timeout + LEASE_MARGIN_SECONDS,
        once=once,
    )
