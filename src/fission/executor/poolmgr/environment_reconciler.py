"""Keeps one pool Deployment per Environment, and what its namespace's fetchers need."""

from __future__ import annotations

from typing import Any

from fission.api import environment_defaults, environment_types
from fission.base import clock as clocks
from fission.base import errors
from fission.contracts import signing
from fission.executor import catalog, config, podparts
from fission.executor.poolmgr import poolplan, pools, resources
from fission.kube import actions, apply, events, provision, reconcile, workqueue
from fission.kube import client as kube_client

Obj = dict[str, Any]

WORKERS = 2
RECENT_SECONDS = 5.0
"""How long a pool that was just created may be missing in the informer."""


class EnvironmentReconciler:
    """Keys are ``namespace/name`` of Environments, existing or not."""

    def __init__(
        self,
        client: kube_client.Client,
        known: catalog.Catalog,
        all_pools: pools.Pools,
        settings: config.Config,
        options: podparts.Options,
        masters: signing.Masters,
        recorder: events.Recorder,
        clock: clocks.Clock,
    ) -> None:
        self._client = client
        self._catalog = known
        self._pools = all_pools
        self._settings = settings
        self._options = options
        self._masters = masters
        self._recorder = recorder
        self._clock = clock
        self._created: dict[str, float] = {}
        self._provisioner = provision.Provisioner(client, clock)
        self.queue: workqueue.WorkQueue[str] = workqueue.WorkQueue()
        known.environments.add_handler(self._on_environment)
        known.deployments.add_handler(self._on_deployment)

    async def run(self) -> None:
        """Reconcile until cancelled."""
        await reconcile.run(self.queue, self.reconcile, workers=WORKERS, name="environments")

    async def reconcile(self, key: str) -> reconcile.Result | None:
        """Make the pools of one environment name what they should be."""
        namespace, name = key.split("/", 1)
        environment = self._catalog.environments.lister.get(namespace, name)
        existing = self._catalog.deployments.lister.by_index(catalog.BY_ENVIRONMENT, key)
        if environment is None or environment.metadata.deletion_timestamp:
            return await apply.apply(self._client, poolplan.plan_pool(None, existing, None))
        uid = environment.metadata.uid
        try:
            desired = self._desired(environment)
        except errors.InvalidInput as error:
            self._tell(environment, events.WARNING, "InvalidPodSpec", error.message)
            return None
        planned = poolplan.plan_pool(uid, existing, desired)
        if any(isinstance(action, actions.Create) for action in planned):
            if self._clock.monotonic() - self._created.get(uid, -RECENT_SECONDS) < RECENT_SECONDS:
                return reconcile.Result(requeue_after_seconds=1.0)
            await self.provide(self._settings.function_namespace_of(namespace))
            self._created[uid] = self._clock.monotonic()
        if not planned and self._settings.adopt_existing:
            for one in existing:
                planned += poolplan.plan_adoption(one, self._options.instance_id)
        result = await apply.apply(self._client, planned)
        if result.requeue:
            self._created.pop(uid, None)
        return result

    async def provide(self, namespace: str) -> None:
        """Have what fetchers in a namespace need made there."""
        await self._provisioner.provide(
            namespace, lambda: podparts.make_needs(namespace, self._masters)
        )

    def _desired(self, environment: environment_types.Environment) -> Obj | None:
        if environment_defaults.pool_size(environment.spec) == 0:
            return None
        namespace = self._settings.function_namespace_of(environment.metadata.namespace)
        return resources.make_deployment(environment, namespace, self._options)

    def _on_environment(
        self,
        old: environment_types.Environment | None,
        new: environment_types.Environment | None,
    ) -> None:
        if new is not None:
            self._pools.environment_changed(new)
        elif old is not None:
            self._pools.environment_gone(old.metadata.uid)
            self._created.pop(old.metadata.uid, None)
        one = new or old
        if one is not None:
            self.queue.add(f"{one.metadata.namespace}/{one.metadata.name}")

    def _on_deployment(self, old: Obj | None, new: Obj | None) -> None:
        if old is not None and new is not None and _same_spec(old, new):
            return
        one = new or old
        for key in catalog.environment_of(one) if one is not None else ():
            self.queue.add(key)

    def _tell(
        self, environment: environment_types.Environment, kind: str, reason: str, message: str
    ) -> None:
        metadata = environment.metadata
        subject = {
            "apiVersion": environment.api_version,
            "kind": environment.kind,
            "metadata": {
                "name": metadata.name,
                "namespace": metadata.namespace,
                "uid": metadata.uid,
            },
        }
        self._recorder.event(subject, kind, reason, message)


def _same_spec(old: Obj, new: Obj) -> bool:
    return bool(
        old["metadata"].get("generation") == new["metadata"].get("generation")
        and old["metadata"].get("annotations") == new["metadata"].get("annotations")
        and old["metadata"].get("deletionTimestamp") == new["metadata"].get("deletionTimestamp")
    )
