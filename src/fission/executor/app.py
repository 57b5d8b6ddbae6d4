"""Wiring of the executor."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import pathlib
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import prometheus_client

from fission.api import function_types, labels
from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.base import ids, tasks, turns
from fission.contracts import coldstart, signing
from fission.contracts import executor as wire
from fission.executor import (
    catalog,
    coldstarts,
    config,
    dispatch,
    errors,
    fscache,
    function_reconciler,
    handlers,
    metrics,
    podparts,
    switching,
)
from fission.executor.container import maker as container_maker
from fission.executor.newdeploy import maker as newdeploy_maker
from fission.executor.poolmgr import (
    deaths,
    environment_reconciler,
    fetchers,
    growth,
    manager,
    pod_reconciler,
    pools,
    prefetching,
    provisioning,
    reaper,
    records,
    specialize,
    websockets,
)
from fission.executor.workload import manager as workload_manager
from fission.executor.workload import objects as workload_objects
from fission.executor.workload import reconciler as workload_reconciler
from fission.kube import client as kube_client
from fission.kube import config as kube_config
from fission.kube import events, leadership, peers
from fission.meta import gvk
from fission.web import client as web_client
from fission.web import listen

logger = logging.getLogger(__name__)

INSTANCE_ID_LENGTH = 8


@dataclass(frozen=True)
class Deps:
    """What the executor does not make itself."""

    kube: kube_client.Client
    http: web_client.HttpClient
    masters: signing.Masters
    clock: clocks.Clock
    instance_id: str
    podspec_patch: dict[str, Any]
    registry: prometheus_client.CollectorRegistry = prometheus_client.REGISTRY


class App:
    """An executor process."""

    def __init__(self, settings: config.Config, deps: Deps) -> None:
        self.leadership = leadership.Leadership(
            deps.kube,
            settings.namespace,
            "executor",
            deps.instance_id,
            is_elected=settings.leader_election,
            clock=deps.clock,
            refusal=errors.NotLeader,
        )
        deps = dataclasses.replace(deps, kube=self.leadership.client)
        self._settings = settings
        self._deps = deps
        self._group = tasks.Tasks()
        self._ready = asyncio.Event()
        self.catalog = known = catalog.Catalog(deps.kube, settings)
        self.cache = cache = fscache.FunctionServiceCache()
        self._starts = coldstarts.ColdStarts()
        known.functions.add_handler(self._starts.changed)
        self.recorder = events.Recorder(deps.kube, "executor", clock=deps.clock)
        self.deaths = deaths.Deaths(self.recorder)
        self.switches = switching.Switches(known, cache, self._group)
        self.pools = pools.Pools(known, settings, deps.clock)
        calls = fetchers.Fetchers(deps.http, deps.masters, deps.clock, self.leadership.fence)
        self.records = records.Records(
            deps.kube,
            self._record_of_gone_pod,
            is_line=lambda pod: self.pools.waiting(pod.environment_uid) > 0,
            clock=deps.clock,
        )
        self.pods = pod_reconciler.PodReconciler(
            pod_reconciler.Deps(
                client=deps.kube,
                catalog=known,
                cache=cache,
                pools=self.pools,
                records=self.records,
                fetchers=calls,
                settings=settings,
                switches=self.switches,
                instance_id=deps.instance_id,
                recorder=self.recorder,
                clock=deps.clock,
            ),
            self._group,
        )
        self.functions = function_reconciler.FunctionReconciler(
            deps.kube, known, settings, self.switches, self.recorder, deps.clock
        )
        options = pod_options(settings, deps)
        self.environments = environment_reconciler.EnvironmentReconciler(
            deps.kube,
            known,
            self.pools,
            settings,
            options,
            deps.masters,
            self.recorder,
            deps.clock,
        )
        self.growth = growth.Growth(
            deps.kube,
            known,
            self.pools,
            settings,
            options,
            provide=self.environments.provide,
            clock=deps.clock,
            group=self._group,
        )
        specializer = specialize.Specializer(
            known,
            self.pools,
            calls,
            self.records,
            peers.Peers(deps.kube, endpoint_slices=known.endpoint_slices.lister),
            turns.Turns(
                settings.specialization_concurrency,
                settings.specialization_concurrency // 2,
                specialize.HOLD_SECONDS,
            ),
            namespace=settings.namespace,
            instance_id=deps.instance_id,
            clock=deps.clock,
            on_failed=self.pods.failed,
            on_lost=self.pods.lost,
            on_start=self._starts.count,
        )
        self.prefetching = prefetching.Prefetching(known, self.pools, calls, specializer)
        self.poolmgr = manager.PoolManager(
            cache,
            known,
            specializer,
            settings,
            clock=deps.clock,
            group=self._group,
            report=self.functions.report,
        )
        self.provisioning = provisioning.Provisioning(
            deps.kube,
            known,
            cache,
            self.pools,
            settings,
            specialize=self.poolmgr.provision,
            tell=self.functions.provisioned,
            clock=deps.clock,
            group=self._group,
        )
        self.reaper = reaper.Reaper(
            cache,
            known,
            self.pods.drain,
            websockets.Websockets(known, calls).is_open,
            kept=self.provisioning.kept,
            interval_seconds=settings.reap_every_seconds,
            clock=deps.clock,
        )
        self.workloads = self._make_workloads()
        self.dispatch = dispatch.Dispatch(
            {
                function_types.POOLMGR: self.poolmgr,
                **{front.executor_type: front for front, _ in self.workloads},
            }
        )
        self.service = handlers.make_service(
            self.dispatch,
            self._ready,
            self.snapshot,
            deps.masters.keys(signing.EXECUTOR),
            deps.clock,
            self.leadership.fence,
        )

    @property
    def is_ready(self) -> bool:
        """The cluster is known and its pods are adopted."""
        return self._ready.is_set()

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Serve until cancelled."""
        counted = metrics.Metrics(self.provisioning, self._starts)
        self._deps.registry.register(counted)
        try:
            async with self._group as group:
                group.run(self.service.run(sockets), "service")
                group.run(self.leadership.run(self._work), "work")
                await group.wait()
        finally:
            self._deps.registry.unregister(counted)

    def snapshot(self) -> dict[str, Any]:
        """What debugInfo shows."""
        return {
            "executorInstanceId": self._deps.instance_id,
            "functionServices": self.cache.snapshot(self._deps.clock.monotonic()),
            "pools": self.pools.snapshot(),
            "workloads": [one for front, _ in self.workloads for one in front.snapshot()],
            "recordsToWrite": len(self.records),
        }

    def _make_workloads(
        self,
    ) -> list[tuple[workload_manager.Manager, workload_reconciler.Reconciler]]:
        """The executors whose functions have pods of their own."""
        settings, deps = self._settings, self._deps
        options = pod_options(settings, deps)
        makers: dict[str, tuple[workload_reconciler.Maker, float]] = {
            function_types.NEWDEPLOY: (
                newdeploy_maker.Maker(self.catalog, self.environments.provide, options),
                settings.newdeploy_reaper_interval_seconds,
            ),
            function_types.CONTAINER: (
                container_maker.Maker(self.catalog, options),
                settings.container_reaper_interval_seconds,
            ),
        }
        made = []
        for executor_type, (maker, interval) in makers.items():
            front = workload_manager.Manager(
                executor_type,
                self.catalog,
                clock=deps.clock,
                hopeless_seconds=settings.hopeless_seconds,
                report=self.functions.report,
                warn=self.functions.warn,
                started=self._note_start,
                ended=self.deaths.tell_last,
            )
            reconciler = workload_reconciler.Reconciler(
                deps.kube,
                self.catalog,
                maker,
                front,
                self.switches,
                reap_every_seconds=interval or settings.reaper_interval_seconds,
                adopt_existing=settings.adopt_existing,
                instance_id=deps.instance_id,
            )
            made.append((front, reconciler))
        return made

    async def _work(self) -> None:
        async with tasks.Tasks() as group:
            for one in self.catalog.all:
                group.run(one.run(), f"informer {one.resource.plural}")
            await self.catalog.wait_synced()
            # Environments first: pools know their runtime before pods are offered to them.
            group.run(self.environments.run(), "environments")
            self.switches.start(self.dispatch, self._switched, self.functions.warn)
            self.pods.start(self.poolmgr)
            self.functions.start(self.dispatch)
            for _, reconciler in self.workloads:
                reconciler.start()
            await self.pods.adopt()
            self.prefetching.start()
            self.provisioning.start()
            for work, name in (
                (self.pods.run(), "pods"),
                (self.functions.run(), "functions"),
                (self.records.run(), "records"),
                (self.recorder.run(), "events"),
                (self.reaper.run(), "reaper"),
                (self.growth.run(), "growth"),
                (self.provisioning.run(), "provisioning"),
                (self.prefetching.run(), "prefetching"),
                *((one.run(), front.executor_type) for front, one in self.workloads),
            ):
                group.run(work, name)
            self._ready.set()
            logger.info("ready", extra={"executorInstanceId": self._deps.instance_id})
            try:
                await group.wait()
            finally:
                self._ready.clear()

    def _note_start(self, function: function_types.Function, start: coldstart.ColdStart) -> None:
        """Write beside a function's Deployment how long it took to come up."""
        self._starts.count(function)
        name = workload_objects.name_of(function)
        namespace = self._settings.function_namespace_of(function.metadata.namespace)
        patch = {"metadata": {"annotations": {labels.COLD_START: coldstart.encode(start)}}}
        self._group.spawn(
            self._deps.kube.patch(gvk.DEPLOYMENTS, name, patch, namespace), f"start of {name}"
        )

    def _switched(self, key: str) -> None:
        """What a function has of another executor type than its own may go."""
        self.pods.judge_again(key)
        self.functions.queue.add(key)
        for _, reconciler in self.workloads:
            reconciler.queue.add(key)

    def _record_of_gone_pod(self, pod: Any) -> None:
        self.pods.gone(pod)


def build(settings: config.Config, deps: Deps) -> App:
    """Put an executor together; call it inside a running event loop."""
    return App(settings, deps)


async def serve(env: Mapping[str, str]) -> None:
    """Run an executor process."""
    settings = config.from_env(env)
    patch = await asyncio.to_thread(read_podspec_patch, settings.podspec_patch_file)
    async with (
        kube_client.Client(kube_config.load(env), user_agent="executor") as kube,
        web_client.HttpClient() as http,
    ):
        deps = Deps(
            kube=kube,
            http=http,
            masters=signing.masters_from_env(env),
            clock=clocks.SystemClock(),
            instance_id=ids.short_id(INSTANCE_ID_LENGTH),
            podspec_patch=patch,
        )
        sockets = listen.sockets(env, wire.SOCKET_NAME, wire.PORT)
        await build(settings, deps).run(sockets)


def pod_options(settings: config.Config, deps: Deps) -> podparts.Options:
    """What settings say about the pods that are made."""
    limits = {"cpu": settings.fetcher_max_cpu, "memory": settings.fetcher_max_mem}
    requests = {"cpu": settings.fetcher_min_cpu, "memory": settings.fetcher_min_mem}
    wanted = {
        name: {key: value for key, value in amounts.items() if value}
        for name, amounts in (("limits", limits), ("requests", requests))
    }
    return podparts.Options(
        fetcher_image=settings.fetcher_image,
        fetcher_pull_policy=settings.fetcher_image_pull_policy,
        runtime_pull_policy=settings.runtime_image_pull_policy,
        fetcher_resources={name: amounts for name, amounts in wanted.items() if amounts},
        podspec_patch=deps.podspec_patch,
        signed=deps.masters.enabled,
        istio=settings.enable_istio,
        instance_id=deps.instance_id,
        owner_references=not settings.disable_owner_references,
    )


def read_podspec_patch(path: str) -> dict[str, Any]:
    """The PodSpec that an administrator merges into every runtime pod; empty without a file."""
    with contextlib.suppress(FileNotFoundError):
        text = pathlib.Path(path).read_text()
        import yaml  # few installations have this file

        found = yaml.safe_load(text)
        if not isinstance(found, dict):
            raise base_errors.SettingsError(f"{path} must hold a PodSpec")
        return found
    return {}
