"""What becomes of each pod: offered, adopted, drained, deleted. Level-triggered.

Generic pods go to ``pools``; one that was there before this process is asked first (``claims``)
whether a function has claimed it, since its labels may be behind. Specialized pods are judged by
``pods.decide`` whenever they, their function, its environment or its settings change, and after a
restart, which is how the function service cache is filled again.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fission.api import environment_types, function_defaults, function_types, labels
from fission.base import clock as clocks
from fission.base import tasks
from fission.executor import catalog, config, errors, fscache, idle, switching
from fission.executor.poolmgr import (
    claims,
    deaths,
    fetchers,
    manager,
    pods,
    pool,
    pools,
    records,
    resources,
    specialize,
)
from fission.kube import client as kube_client
from fission.kube import events, workqueue
from fission.kube import reconcile as loops
from fission.meta import gvk, objectmeta, podstate, status
from fission.meta import labels as meta_labels

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

WORKERS = 4
FAILED_GRACE_SECONDS = 1
"""Nothing worth waiting for runs in a pod that failed."""
RECORD_SECONDS = 0.05
"""Before another look whether what is to be recorded of a pod is written."""
DELETE_GRACE_SECONDS = 10
"""For requests that a function that goes is still answering."""


@dataclass(frozen=True)
class Deps:
    """The collaborators of the reconciler."""

    client: kube_client.Client
    catalog: catalog.Catalog
    cache: fscache.FunctionServiceCache
    pools: pools.Pools
    records: records.Records
    fetchers: fetchers.Fetchers
    settings: config.Config
    switches: switching.Switches
    instance_id: str
    recorder: events.Recorder
    clock: clocks.Clock


class PodReconciler:
    """Keys are ``namespace/name`` of pods."""

    def __init__(self, deps: Deps, group: tasks.Tasks) -> None:
        self._deps = deps
        self._group = group
        self._manager: manager.PoolManager | None = None
        self._began_at = deps.clock.now()
        """Pods that are older may have been claimed by another process."""
        self._claims = claims.Claims(
            claims.Deps(
                catalog=deps.catalog,
                pools=deps.pools,
                records=deps.records,
                fetchers=deps.fetchers,
                instance_id=deps.instance_id,
            ),
            group,
            adopt=self._adopt,
            failed=self.failed,
        )
        self._deaths = deaths.Deaths(deps.recorder)
        self._doomed: dict[str, pods.Drain | pods.Delete] = {}
        """Pod UID → what this process decided; told again by the pod's labels once written."""
        self.queue: workqueue.WorkQueue[str] = workqueue.WorkQueue(largest_delay_seconds=5.0)

    def start(self, front: manager.PoolManager) -> None:
        """Begin to listen; ``front`` delivers what removed services free."""
        self._manager = front
        self._began_at = self._deps.clock.now()
        known = self._deps.catalog
        known.pods.add_handler(self._on_pod)
        known.functions.add_handler(self._on_function)
        known.environments.add_handler(self._on_environment)
        known.secrets.add_handler(lambda old, new: self._on_settings("Secret", old, new))
        known.config_maps.add_handler(lambda old, new: self._on_settings("ConfigMap", old, new))

    async def run(self) -> None:
        """Reconcile until cancelled."""
        await loops.run(self.queue, self.reconcile, workers=WORKERS, name="pods")

    async def reconcile(self, key: str) -> loops.Result | None:
        """Do to one pod what is to be done."""
        namespace, name = key.split("/", 1)
        pod = self._deps.catalog.pods.lister.get(namespace, name)
        if pod is None:
            return None
        verdict = await self._judge(pod)
        match verdict:
            case pods.Serve(again_after_seconds=seconds):
                await self._serve(pod)
                return loops.Result(requeue_after_seconds=seconds)
            case pods.Forget(again_after_seconds=seconds):
                self._forget(pod)
                return loops.Result(requeue_after_seconds=seconds)
            case pods.Drain(reason=reason):
                return await self._drain(pod, reason)
            case pods.Delete(reason=reason):
                await self._delete(pod, reason)
        return None

    async def adopt(self) -> None:
        """Judge every specialized pod once, so that none is forgotten when the first call comes."""
        keys = [
            f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            for pod in self._deps.catalog.pods.lister.list()
            if not pods.is_generic(pod)
        ]
        for outcome in await asyncio.gather(
            *(self.reconcile(key) for key in keys), return_exceptions=True
        ):
            if isinstance(outcome, BaseException):
                logger.warning("pod is judged later: %s", outcome)

    def judge_again(self, key: str) -> None:
        """Look at all pods of a function (``namespace/name``)."""
        self._enqueue_all(self._deps.catalog.pods.lister.by_index(catalog.BY_FUNCTION, key))

    def drain(self, service: fscache.FunctionService, reason: str) -> None:
        """Take an idle service away."""
        self._remove(service)
        self._doom(service.namespace, service.pod, service.pod_uid, pods.Drain(reason))

    def failed(self, pod: pool.GenericPod) -> None:
        """A function did not load in the pod, which is of no further use."""
        self._deps.records.drop(pod.uid)
        self._doom(pod.namespace, pod.name, pod.uid, pods.Delete("specialization failed"))

    def lost(self, pod: pool.GenericPod) -> None:
        """A chosen pod did not answer, or said that it belongs to somebody: find out."""
        self._claims.lost(pod)

    def gone(self, pod: pool.GenericPod) -> None:
        """A pod that was to be recorded does not exist any more."""
        self._remove_all(pod.uid)

    async def _judge(self, pod: Obj) -> pods.Verdict:
        doomed = self._doomed.get(pod["metadata"]["uid"])
        if doomed is not None and not objectmeta.is_deleting(pod):
            annotations = meta_labels.annotations_of(pod)
            if isinstance(doomed, pods.Drain) and pod["metadata"]["uid"] in self._deps.records:
                # A record that is written after the drain would put it into the endpoints again.
                return pods.Forget(RECORD_SECONDS)
            if isinstance(doomed, pods.Delete) or resources.DRAIN_UNTIL not in annotations:
                return doomed
        if pods.is_generic(pod):
            return pods.Forget() if objectmeta.is_deleting(pod) else pods.Serve()
        function, environment = await self._function(pod), await self._existing_environment(pod)
        settings_hash = self._deps.catalog.settings_hash(function) if function else ""
        if function is not None:
            self._deaths.tell(function, pod)
        verdict = pods.decide(
            pod,
            function,
            environment,
            settings_hash,
            self._deps.clock.now(),
            is_replaceable=environment is None or self._deps.pools.has_present(environment),
        )
        if isinstance(verdict, pods.Drain) and function is not None and self._is_held(function):
            return pods.Forget()
        if isinstance(verdict, pods.Serve) and self._is_strange(pod):
            return pods.Delete("adoption is off")
        return verdict

    def _is_held(self, function: function_types.Function) -> bool:
        """Whether pods of the pool go on for a function that is not of the pool any more."""
        own = function_defaults.executor_type(function.spec)
        return own != function_types.POOLMGR and self._deps.switches.holds(function)

    async def _serve(self, pod: Obj) -> None:
        if pods.is_generic(pod):
            return
        function = await self._function(pod)
        if function is None:
            return
        self._adopt(pod, function)
        annotations = meta_labels.annotations_of(pod)
        if annotations.get(labels.EXECUTOR_INSTANCE_ID) != self._deps.instance_id:
            patch = {
                "metadata": {"annotations": {labels.EXECUTOR_INSTANCE_ID: self._deps.instance_id}}
            }
            await self._patch(pod, patch)

    def _adopt(self, pod: Obj, function: function_types.Function) -> None:
        assert self._manager is not None
        given = pods.generic_pod(pod)
        once = function.spec.once_only
        now = self._deps.clock.monotonic()
        service = specialize.make_service(function, given, now, once=once)
        if pods.is_generic(pod) or meta_labels.of(pod).get(labels.FUNCTION_GENERATION) == str(
            function.metadata.generation
        ):
            grants = self._deps.cache.adopt(service, self._manager.limits(function))
            self._manager.deliver(grants)

    def _forget(self, pod: Obj) -> None:
        self._remove_all(pod["metadata"]["uid"])

    async def _drain(self, pod: Obj, reason: str) -> loops.Result:
        self._remove_all(pod["metadata"]["uid"])
        function = await self._function(pod)
        timeout = function_defaults.timeout_seconds(function.spec) if function else 0
        seconds = idle.drain_seconds(timeout)
        until = self._deps.clock.now() + datetime.timedelta(seconds=seconds)
        logger.info(
            "draining pod", extra={"pod": pod["metadata"]["name"], "why": reason, "s": seconds}
        )
        await self._patch(pod, pods.drain_patch(until))
        return loops.Result(requeue_after_seconds=seconds)

    async def _delete(self, pod: Obj, reason: str) -> None:
        metadata = pod["metadata"]
        self._remove_all(metadata["uid"])
        self._deps.records.drop(metadata["uid"])
        is_failed = reason in ("specialization failed", "the runtime ended", "the pod has ended")
        logger.info("deleting pod", extra={"pod": metadata["name"], "why": reason})
        try:
            await self._deps.client.delete(
                gvk.PODS,
                metadata["name"],
                metadata["namespace"],
                grace_period_seconds=FAILED_GRACE_SECONDS if is_failed else DELETE_GRACE_SECONDS,
                precondition_uid=metadata["uid"],
            )
        except (status.NotFound, status.Conflict):
            return

    async def _patch(self, pod: Obj, patch: Obj) -> None:
        metadata = pod["metadata"]
        try:
            await self._deps.client.patch(gvk.PODS, metadata["name"], patch, metadata["namespace"])
        except status.NotFound:
            self._forget(pod)

    # What the informers tell.

    def _on_pod(self, old: Obj | None, new: Obj | None) -> None:
        if new is None:
            if old is not None:
                self._on_gone(old)
            return
        if not podstate.is_ready(new):  # before the next request is given it
            self._remove_all(new["metadata"]["uid"])
        if pods.is_generic(new):
            self._on_generic(new)
            if objectmeta.is_deleting(new) or new["metadata"]["uid"] in self._doomed:
                self._enqueue(new)
            return
        self._deps.pools.offer(new)
        self._enqueue(new)

    def _on_gone(self, pod: Obj) -> None:
        uid = pod["metadata"]["uid"]
        self._deps.pools.withdraw(pod)
        self._deps.records.drop(uid)
        self._remove_all(uid)
        self._claims.forget(uid)
        self._doomed.pop(uid, None)

    def _on_generic(self, pod: Obj) -> None:
        created_at = clocks.parse_rfc3339(pod["metadata"]["creationTimestamp"])
        is_new = created_at > self._began_at or not podstate.is_ready(pod)
        if is_new or self._claims.is_free(pod):
            self._deps.pools.offer(pod)

    def _on_function(
        self, old: function_types.Function | None, new: function_types.Function | None
    ) -> None:
        one = new or old
        if one is None or (old and new and old.metadata.generation == new.metadata.generation):
            return
        self._enqueue_all(
            self._deps.catalog.pods.lister.by_index(catalog.BY_FUNCTION, catalog.function_key(one))
        )
        # Services in pods that functions share have no pod of their own to judge.
        generation = new.metadata.generation if new else None
        for service in self._deps.cache.services():
            if service.key.uid == one.metadata.uid and service.key.generation != generation:
                self._remove(service)

    def _on_environment(
        self,
        old: environment_types.Environment | None,
        new: environment_types.Environment | None,
    ) -> None:
        one = new or old
        if one is None or (old and new and old.metadata.generation == new.metadata.generation):
            return
        key = f"{one.metadata.namespace}/{one.metadata.name}"
        self._enqueue_all(self._deps.catalog.pods.lister.by_index(catalog.BY_ENVIRONMENT, key))

    def _on_settings(self, kind: str, old: Obj | None, new: Obj | None) -> None:
        one = new or old
        if one is None:
            return
        key = f"{kind}/{objectmeta.namespace_of(one)}/{objectmeta.name_of(one)}"
        for function in self._deps.catalog.functions.lister.by_index(catalog.BY_SETTINGS, key):
            self._enqueue_all(
                self._deps.catalog.pods.lister.by_index(
                    catalog.BY_FUNCTION, catalog.function_key(function)
                )
            )

    # Small things.

    def _doom(self, namespace: str, name: str, uid: str, verdict: pods.Drain | pods.Delete) -> None:
        found = self._deps.catalog.pods.lister.get(namespace, name)
        if found is None or found["metadata"]["uid"] != uid:
            return  # it has gone by itself
        self._doomed[uid] = verdict
        self.queue.add(f"{namespace}/{name}")

    def _enqueue(self, pod: Obj) -> None:
        metadata = pod["metadata"]
        self.queue.add(f"{metadata['namespace']}/{metadata['name']}")

    def _enqueue_all(self, found: Iterable[Obj]) -> None:
        for pod in found:
            if not pods.is_generic(pod):
                self._enqueue(pod)

    def _remove(self, service: fscache.FunctionService) -> None:
        assert self._manager is not None
        self._manager.remove(service)

    def _remove_all(self, pod_uid: str) -> None:
        for service in self._deps.cache.in_pod(pod_uid):
            self._remove(service)

    def _is_strange(self, pod: Obj) -> bool:
        """Another executor's pod, while adoption is off."""
        if self._deps.settings.adopt_existing:
            return False
        owner = meta_labels.annotations_of(pod).get(labels.EXECUTOR_INSTANCE_ID)
        return owner != self._deps.instance_id

    async def _function(self, pod: Obj) -> function_types.Function | None:
        """The pod's function; asks the API before it says that there is none."""
        found = meta_labels.of(pod)
        named = function_types.Function(
            metadata=objectmeta.ObjectMeta(
                name=found.get(labels.FUNCTION_NAME, ""),
                namespace=found.get(labels.FUNCTION_NAMESPACE, ""),
                uid=found.get(labels.FUNCTION_UID, ""),
            )
        )
        try:
            return await self._deps.catalog.function(named)
        except errors.MissingObject:
            return None

    async def _existing_environment(self, pod: Obj) -> environment_types.Environment | None:
        known = self._environment(pod)
        if known is not None:
            return known
        found = meta_labels.of(pod)
        reference = function_types.Function()
        reference.spec.environment.namespace = found.get(labels.ENVIRONMENT_NAMESPACE, "")
        reference.spec.environment.name = found.get(labels.ENVIRONMENT_NAME, "")
        try:
            return await self._deps.catalog.environment(reference)
        except errors.EnvironmentNotFound:
            return None

    def _environment(self, pod: Obj) -> environment_types.Environment | None:
        found = meta_labels.of(pod)
        return self._deps.catalog.environments.lister.get(
            found.get(labels.ENVIRONMENT_NAMESPACE), found.get(labels.ENVIRONMENT_NAME, "")
        )
