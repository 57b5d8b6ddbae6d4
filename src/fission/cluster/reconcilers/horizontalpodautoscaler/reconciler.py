"""Keeps autoscalers: observe, decide, write the scale, then the status.

While its target has pods, an autoscaler is looked at every few seconds; at zero it sleeps until the
target changes, so that thousands of idle ones cost nothing. One answer of the metrics API serves
all autoscalers of a namespace that are due at about the same time.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from fission.base import clock as clocks
from fission.base import errors
from fission.cluster.reconcilers import informers as informers_module
from fission.cluster.reconcilers.horizontalpodautoscaler import behavior, config, replicas
from fission.cluster.reconcilers.horizontalpodautoscaler import plan as planning
from fission.kube import client, events, lister, requests, workqueue
from fission.kube import reconcile as reconciling
from fission.meta import gvk, labels, objectmeta, selectors, status

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

WORKERS = 2
BY_TARGET = "target"
METRICS_SECONDS = 1.0
"""How long an answer of the metrics API serves the autoscalers of its namespace."""
QUIET_SECONDS = 15.0
"""How long a status may wait in which nothing but the measured values is different."""
TARGETS = {("apps", "Deployment"): gvk.DEPLOYMENTS, ("apps", "ReplicaSet"): gvk.REPLICASETS}
POD_METRICS = gvk.Resource("metrics.k8s.io", "v1beta1", "PodMetrics", "pods")


class HorizontalPodAutoscalerReconciler:
    """Reconciles one HorizontalPodAutoscaler by key."""

    def __init__(
        self,
        kube: client.Client,
        informers: informers_module.Informers,
        recorder: events.Recorder,
        clock: clocks.Clock,
        settings: config.Config,
    ) -> None:
        self._kube = kube
        self._recorder = recorder
        self._clock = clock
        self._settings = settings
        self._default = settings.behavior
        self._autoscalers = informers.get(gvk.HORIZONTALPODAUTOSCALERS)
        self._targets = {one: informers.get(one) for one in TARGETS.values()}
        self._pods = informers.get(gvk.PODS)
        self._memories: dict[str, behavior.Memory] = {}
        self._written: dict[str, float] = {}
        self._selecting: dict[lister.Key, selectors.LabelSelector] = {}
        """What autoscalers select whose targets have pods; those at zero are in nobody's way."""
        self._metrics: dict[str, tuple[float, list[Obj]]] = {}
        self._asking = asyncio.Lock()
        self.queue: workqueue.WorkQueue[lister.Key] = workqueue.WorkQueue(clock)
        self._autoscalers.add_index(BY_TARGET, _target_keys)
        self._autoscalers.add_handler(self._autoscaler_changed)
        for one in self._targets.values():
            one.add_handler(self._target_changed)

    async def run(self) -> None:
        await reconciling.run(self.queue, self.reconcile, workers=WORKERS, name="autoscaler")

    async def reconcile(self, key: lister.Key) -> reconciling.Result:
        hpa = self._autoscalers.lister.get(*key)
        if hpa is None or objectmeta.is_deleting(hpa):
            return reconciling.DONE
        uid = objectmeta.uid_of(hpa)
        moment = replicas.Moment(
            self._clock.now(),
            self._settings.cpu_initialization_seconds,
            self._settings.readiness_delay_seconds,
        )
        resource, target = self._target_of(hpa)
        self._selecting.pop(key, None)
        observed = await self._observe(hpa, target)
        memory = self._memories.get(uid, behavior.Memory())
        decision = planning.decide(
            hpa, observed, memory, self._default, moment, self._clock.monotonic()
        )
        failure = None
        if decision.rescales and resource is not None and target is not None:
            failure = await self._scale(resource, target, decision.desired)
        if failure is None:
            self._memories[uid] = decision.memory
        await self._tell(hpa, decision, failure, moment)
        if observed.target is None or observed.target.replicas == 0:
            return reconciling.DONE
        return reconciling.Result(requeue_after_seconds=self._settings.sync_seconds)

    # -- observing --------------------------------------------------------------------------

    def _target_of(self, hpa: Obj) -> tuple[gvk.Resource | None, Obj | None]:
        reference = hpa["spec"]["scaleTargetRef"]
        group = str(reference.get("apiVersion") or "").partition("/")[0]
        resource = TARGETS.get((group, str(reference.get("kind"))))
        if resource is None:
            return None, None
        namespace = objectmeta.namespace_of(hpa)
        return resource, self._targets[resource].lister.get(namespace, str(reference["name"]))

    async def _observe(self, hpa: Obj, target: Obj | None) -> planning.Observed:
        if target is None:
            return planning.Observed(None, _why_no_target(hpa))
        spec = target["spec"]
        selector = selectors.LabelSelector.from_dict(spec.get("selector"))
        count = spec.get("replicas")
        scale = planning.Target(1 if count is None else int(count), str(selector))
        if scale.replicas == 0:
            return planning.Observed(scale)
        self._selecting[lister.key_of(hpa)] = selector
        namespace = objectmeta.namespace_of(hpa)
        pods = [
            pod for pod in self._pods.lister.list(namespace) if selector.matches(labels.of(pod))
        ]
        rivals = self._rivals(hpa, pods)
        try:
            metrics = await self._metrics_of(namespace)
        except errors.Error as error:
            return planning.Observed(scale, "", pods, (), str(error), rivals)
        names = {objectmeta.name_of(pod) for pod in pods}
        mine = [one for one in metrics if objectmeta.name_of(one) in names]
        return planning.Observed(scale, "", pods, mine, "", rivals)

    def _rivals(self, hpa: Obj, pods: list[Obj]) -> list[str]:
        """This autoscaler and others, when others select some of the same pods."""
        key = lister.key_of(hpa)
        others = [
            "/".join(other)
            for other, selector in self._selecting.items()
            if other[0] == key[0]
            and other != key
            and any(selector.matches(labels.of(pod)) for pod in pods)
        ]
        return [*others, "/".join(key)] if others else []

    async def _metrics_of(self, namespace: str) -> list[Obj]:
        async with self._asking:
            kept = self._metrics.get(namespace)
            now = self._clock.monotonic()
            if kept is not None and now < kept[0]:
                return kept[1]
            path = POD_METRICS.path(namespace)
            answer = await self._kube.send(requests.Request("GET", path))
            found: list[Obj] = answer.get("items") or []
            for old in [one for one, (until, _) in self._metrics.items() if until <= now]:
                del self._metrics[old]
            self._metrics[namespace] = (now + METRICS_SECONDS, found)
            return found

    # -- writing ----------------------------------------------------------------------------

    async def _scale(self, resource: gvk.Resource, target: Obj, wanted: int) -> str | None:
        """Write the number if the target is still what was looked at; why not, if it was refused.

        A newer target raises Conflict: somebody else (who scales to zero) has the say.
        """
        meta = target["metadata"]
        patch = {
            "metadata": {"resourceVersion": meta["resourceVersion"]},
            "spec": {"replicas": wanted},
        }
        try:
            await self._kube.patch(
                resource, meta["name"], patch, meta["namespace"], subresource="scale"
            )
        except (status.Conflict, status.NotFound):
            raise
        except errors.Error as error:
            return str(error)
        return None

    async def _tell(
        self,
        hpa: Obj,
        decision: planning.Decision,
        failure: str | None,
        moment: replicas.Moment,
    ) -> None:
        found, told = planning.settle(hpa, decision, failure, moment)
        for type_, reason, message in told:
            self._recorder.event(hpa, type_, reason, message)
        before, uid = hpa.get("status") or {}, objectmeta.uid_of(hpa)
        if found == before:
            return
        now = self._clock.monotonic()
        quiet = _without_values(found) == _without_values(before)
        if quiet and now < self._written.get(uid, 0.0) + QUIET_SECONDS:
            return
        namespace, name = lister.key_of(hpa)
        # A merge would keep list items and fields that are gone.
        kept = {**dict.fromkeys(before), **found}
        patch = {"metadata": {"uid": uid}, "status": kept}
        await self._kube.patch(
            gvk.HORIZONTALPODAUTOSCALERS, name, patch, namespace, subresource="status"
        )
        self._written[uid] = now

    # -- what happens -----------------------------------------------------------------------

    def _autoscaler_changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is None:
            uid = objectmeta.uid_of(old or {})
            self._memories.pop(uid, None)
            self._written.pop(uid, None)
            self._selecting.pop(lister.key_of(old or {}), None)
        elif old is None or old["spec"] != new["spec"]:
            self.queue.add(lister.key_of(new))

    def _target_changed(self, old: Obj | None, new: Obj | None) -> None:
        """It comes, goes, or leaves zero: what sleeps wakes up. All else is seen in time."""
        counts = [one["spec"].get("replicas") for one in (old, new) if one is not None]
        if len(counts) == 2 and (counts[0] == counts[1] or 0 not in counts):
            return
        some = new or old
        assert some is not None
        namespace, name = lister.key_of(some)
        for kind in ("Deployment", "ReplicaSet"):
            for hpa in self._autoscalers.lister.by_index(BY_TARGET, f"{namespace}/{kind}/{name}"):
                self.queue.add(lister.key_of(hpa))


def _target_keys(hpa: Obj) -> list[str]:
    reference = (hpa.get("spec") or {}).get("scaleTargetRef") or {}
    return [f"{objectmeta.namespace_of(hpa)}/{reference.get('kind')}/{reference.get('name')}"]


def _why_no_target(hpa: Obj) -> str:
    reference = hpa["spec"]["scaleTargetRef"]
    group = str(reference.get("apiVersion") or "").partition("/")[0]
    resource = TARGETS.get((group, str(reference.get("kind"))))
    if resource is None:
        return (
            f'no matches for kind "{reference.get("kind")}" in group "{group}": '
            "the embedded cluster scales Deployments and ReplicaSets of apps/v1"
        )
    return str(status.not_found(resource, str(reference["name"])))


def _without_values(found: Obj) -> Obj:
    return {key: value for key, value in found.items() if key != "currentMetrics"}
