"""Makes the objects of one executor type what the Functions, and their use, ask for.

Level-triggered: keys are ``namespace/name`` of Functions, existing or not; what an earlier process
left is found by its labels. A Function without use and with ``MinScale`` 0 has no objects until it
is first called.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Protocol

from fission.api import function_defaults, function_types, labels
from fission.base import errors as base_errors
from fission.executor import catalog, errors, switching
from fission.executor.workload import manager, objects, plan, scaling
from fission.kube import actions, apply, workqueue
from fission.kube import client as kube_client
from fission.kube import reconcile as loops
from fission.meta import gvk, objectmeta, status
from fission.meta import labels as meta_labels

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

WORKERS = 4
_REFUSALS = (status.Invalid, status.BadRequest, status.Forbidden)
END_GRACE_SECONDS = 1
"""Nothing worth waiting for runs in such a pod."""


class Maker(Protocol):
    """Knows what a Function of one executor type should have."""

    async def make(self, function: function_types.Function) -> objects.Objects:
        """The objects; raises ExecutorError or InvalidInput when they cannot be made."""
        ...


class Reconciler:
    """One executor type's."""

    def __init__(
        self,
        client: kube_client.Client,
        known: catalog.Catalog,
        maker: Maker,
        front: manager.Manager,
        switches: switching.Switches,
        *,
        reap_every_seconds: float,
        adopt_existing: bool,
        instance_id: str,
    ) -> None:
        self._client = client
        self._catalog = known
        self._maker = maker
        self._front = front
        self._switches = switches
        self._type = front.executor_type
        self._reap_every_seconds = reap_every_seconds
        self._adopt_existing = adopt_existing
        self._instance_id = instance_id
        self.queue: workqueue.WorkQueue[str] = workqueue.WorkQueue(largest_delay_seconds=5.0)

    def start(self) -> None:
        """Begin to listen: everything that is there is looked at once."""
        self._front.start(self.queue.add)
        self._catalog.functions.add_handler(self._on_function)
        self._catalog.environments.add_handler(self._on_environment)
        self._catalog.packages.add_handler(self._on_package)
        self._catalog.secrets.add_handler(lambda old, new: self._on_settings("Secret", old, new))
        self._catalog.config_maps.add_handler(
            lambda old, new: self._on_settings("ConfigMap", old, new)
        )
        for one in (
            self._catalog.workload_deployments,
            self._catalog.autoscalers,
            self._catalog.services,
        ):
            one.add_handler(self._on_object)

    async def run(self) -> None:
        """Reconcile and reap until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(
                loops.run(self.queue, self.reconcile, workers=WORKERS, name=self._type)
            )
            group.create_task(self._reap())

    async def reconcile(self, key: str) -> loops.Result | None:
        """Make one function name's objects what they should be."""
        namespace, name = key.split("/", 1)
        function = self._catalog.functions.lister.get(namespace, name)
        existing = self._existing(key)
        if not self._adopt_existing and (strange := self._strange(existing)):
            await apply.apply(self._client, plan.plan_absence(strange))
            return loops.AGAIN
        if function is None or function.metadata.deletion_timestamp:
            return await self._remove(key, existing)
        if function_defaults.executor_type(function.spec) != self._type:
            if any(existing.values()) and self._switches.holds(function):
                return None
            return await self._remove(key, existing)
        uid = function.metadata.uid
        current = plan.current_replicas(existing, objects.name_of(function))
        need = self._front.need(uid)
        least = function.spec.invoke_strategy.execution_strategy.min_scale
        if current is None and not need.waiting and not least:
            return await self._remove(key, existing)
        self._front.remember(uid)
        for pod in self._front.crashed_pods(function):
            logger.info("deleting pod whose runtime ended", extra={"pod": objectmeta.name_of(pod)})
            await self._end_pod(pod)
        try:
            desired = await self._maker.make(function)
        except base_errors.InvalidInput as error:
            self._front.failed(function, errors.InvalidPodSpec(error.message))
            return None
        except errors.ExecutorError as error:
            self._front.failed(function, error)
            return None
        try:
            return await self._present(function, existing, desired, current)
        except _REFUSALS as error:
            refused = f"the cluster refuses what the function asks for: {error.message}"
            self._front.failed(function, errors.InvalidPodSpec(refused))
            if isinstance(error, status.Forbidden):
                raise  # it may be allowed without a change of the function: quotas, roles
            return None

    async def _present(
        self,
        function: function_types.Function,
        existing: dict[gvk.Resource, list[Obj]],
        desired: objects.Objects,
        current: int | None,
    ) -> loops.Result:
        uid = function.metadata.uid
        need = self._front.need(uid)  # again: making the objects may have taken a while
        replicas = scaling.plan_replicas(function.spec, current, need)
        planned = plan.plan_presence(existing, desired, replicas)
        if not planned:
            return loops.DONE
        is_closing = bool(current) and replicas == 0
        if is_closing:
            logger.info("scaling to zero", extra={"function": catalog.function_key(function)})
            self._front.closing(uid)
        deployment: Obj | None = None
        try:
            for action in planned:
                written = await apply.apply_one(self._client, action)
                if written is not None and _is_of_deployment(action):
                    deployment = written
                    self._front.declared(uid)
        finally:
            if is_closing:
                self._front.closed(uid, deployment)
                if self._front.need(uid).waiting:
                    self.queue.add(catalog.function_key(function))
        return loops.DONE

    async def _remove(self, key: str, existing: dict[gvk.Resource, list[Obj]]) -> loops.Result:
        planned = plan.plan_absence(existing)
        for uid in {
            meta_labels.of(one).get(labels.FUNCTION_UID, "")
            for found in existing.values()
            for one in found
        }:
            self._front.forget(uid)
        return await apply.apply(self._client, planned)

    def _existing(self, key: str) -> dict[gvk.Resource, list[Obj]]:
        return {
            source.resource: [
                one
                for one in source.lister.by_index(catalog.BY_FUNCTION, key)
                if meta_labels.of(one).get(labels.EXECUTOR_TYPE) == self._type
            ]
            for source in (
                self._catalog.workload_deployments,
                self._catalog.autoscalers,
                self._catalog.services,
            )
        }

    def _strange(self, existing: dict[gvk.Resource, list[Obj]]) -> dict[gvk.Resource, list[Obj]]:
        """What another executor made."""
        strange = {
            resource: [
                one
                for one in found
                if meta_labels.annotations_of(one).get(labels.EXECUTOR_INSTANCE_ID)
                != self._instance_id
            ]
            for resource, found in existing.items()
        }
        return strange if any(strange.values()) else {}

    async def _reap(self) -> None:
        """Look at what may be idle by now, every few seconds."""
        while True:
            await asyncio.sleep(self._reap_every_seconds)
            await self._end_lingering()
            for deployment in self._catalog.workload_deployments.lister.list():
                found = meta_labels.of(deployment)
                if found.get(labels.EXECUTOR_TYPE) != self._type:
                    continue
                for key in catalog.function_of(deployment):
                    if self._may_shrink(key, int(deployment["spec"].get("replicas", 1))):
                        self.queue.add(key)

    async def _end_lingering(self) -> None:
        """Delete at once what is being deleted and has answered all that it was given."""
        for pod in self._front.lingering_pods():
            try:
                await self._end_pod(pod)
            except base_errors.Error as error:
                name = objectmeta.name_of(pod)
                logger.debug("pod goes by itself: %s", error, extra={"pod": name})

    async def _end_pod(self, pod: Obj) -> None:
        action = actions.delete_of(gvk.PODS, pod, grace_period_seconds=END_GRACE_SECONDS)
        await apply.apply_one(self._client, action)

    def _may_shrink(self, key: str, replicas: int) -> bool:
        function = self._catalog.functions.lister.get(*key.split("/", 1))
        if function is None:
            return False
        need = self._front.need(function.metadata.uid)
        return scaling.plan_replicas(function.spec, replicas, need) < replicas

    # What the informers tell.

    def _on_function(
        self, old: function_types.Function | None, new: function_types.Function | None
    ) -> None:
        if old is not None and new is not None and _is_alike(old.metadata, new.metadata):
            return
        for one in (old, new):
            if one is not None and function_defaults.executor_type(one.spec) == self._type:
                self.queue.add(catalog.function_key(one))

    def _on_environment(self, old: Any, new: Any) -> None:
        one = new or old
        if (
            old is not None
            and new is not None
            and old.metadata.generation == new.metadata.generation
        ):
            return
        self._enqueue(catalog.BY_ENVIRONMENT, f"{one.metadata.namespace}/{one.metadata.name}")

    def _on_package(self, old: Any, new: Any) -> None:
        one = new or old
        self._enqueue(catalog.BY_PACKAGE, f"{one.metadata.namespace}/{one.metadata.name}")

    def _on_settings(self, kind: str, old: Obj | None, new: Obj | None) -> None:
        one = new or old
        if one is not None:
            key = f"{kind}/{objectmeta.namespace_of(one)}/{objectmeta.name_of(one)}"
            self._enqueue(catalog.BY_SETTINGS, key)

    def _on_object(self, old: Obj | None, new: Obj | None) -> None:
        one = new or old
        if one is None or meta_labels.of(one).get(labels.EXECUTOR_TYPE) != self._type:
            return
        for key in catalog.function_of(one):
            self.queue.add(key)

    def _enqueue(self, index: str, value: str) -> None:
        for function in self._catalog.functions.lister.by_index(index, value):
            if function_defaults.executor_type(function.spec) == self._type:
                self.queue.add(catalog.function_key(function))


def _is_alike(old: objectmeta.ObjectMeta, new: objectmeta.ObjectMeta) -> bool:
    """Whether nothing has changed that pods are made from."""
    return (
        old.generation == new.generation
        and old.labels == new.labels
        and old.annotations == new.annotations
        and old.deletion_timestamp == new.deletion_timestamp
    )


def _is_of_deployment(action: actions.Action) -> bool:
    return action.resource is gvk.DEPLOYMENTS and not isinstance(action, actions.Delete)
