"""Keeps one builder per Environment that asks for one, and what its namespace's builders need."""

from __future__ import annotations

from typing import Any

from fission.api import environment_types, objects, package_builds
from fission.base import clock as clocks
from fission.base import errors
from fission.buildermgr import catalog, config, environment_plan, names, resources
from fission.contracts import fetcherpod, signing
from fission.kube import actions, apply, events, provision, reconcile, workqueue
from fission.kube import client as kube_client
from fission.meta import gvk

Obj = dict[str, Any]

WORKERS = 2
NAMED_PACKAGES = 10
"""How many outdated packages an Event names."""


class EnvironmentReconciler:
    """Keys are ``namespace/name`` of Environments, existing or not."""

    def __init__(
        self,
        client: kube_client.Client,
        known: catalog.Catalog,
        settings: config.Config,
        options: resources.Options,
        masters: signing.Masters,
        recorder: events.Recorder,
        clock: clocks.Clock,
    ) -> None:
        self._client = client
        self._catalog = known
        self._settings = settings
        self._options = options
        self._masters = masters
        self._recorder = recorder
        self._provisioner = provision.Provisioner(client, clock)
        self.queue: workqueue.WorkQueue[str] = workqueue.WorkQueue()
        known.environments.add_handler(self._on_environment)
        for informed in (known.deployments, known.services):
            informed.add_handler(self._on_builder)

    async def run(self) -> None:
        """Reconcile until cancelled."""
        await reconcile.run(self.queue, self.reconcile, workers=WORKERS, name="environments")

    async def reconcile(self, key: str) -> reconcile.Result | None:
        """Make the builder of one environment name what it should be."""
        environment = self._catalog.environment(key)
        namespace, name = key.split("/", 1)
        place = self._settings.builder_namespace_of(namespace)
        index = f"{place}/{name}"
        try:
            planned = environment_plan.plan_builder(
                environment,
                place,
                self._catalog.deployments.lister.by_index(catalog.BY_ENVIRONMENT, index),
                self._catalog.services.lister.by_index(catalog.BY_ENVIRONMENT, index),
                self._options,
            )
        except errors.InvalidInput as error:
            assert environment is not None
            self._tell(environment, events.WARNING, "InvalidBuilder", error.message)
            return None
        if any(isinstance(action, actions.Create) for action in planned):
            await self._provisioner.provide(place, lambda: self._needs(place))
        return await apply.apply(self._client, planned)

    def _needs(self, namespace: str) -> list[tuple[gvk.Resource, Obj]]:
        """What builders in a namespace need."""
        wanted = [
            (gvk.SERVICEACCOUNTS, fetcherpod.make_account(names.ACCOUNT, namespace)),
            (gvk.ROLEBINDINGS, fetcherpod.make_role_binding(names.ACCOUNT, namespace)),
        ]
        if self._options.cache_storage:
            claim = resources.make_claim(namespace, self._options)
            wanted.append((gvk.PERSISTENTVOLUMECLAIMS, claim))
        if self._masters.enabled:
            wanted.append((gvk.SECRETS, fetcherpod.make_keys_secret(namespace, self._masters)))
        return wanted

    def _on_environment(
        self,
        old: environment_types.Environment | None,
        new: environment_types.Environment | None,
    ) -> None:
        one = new or old
        if one is None:
            return
        self.queue.add(catalog.key_of(one.metadata))
        if old is None or new is None:
            return
        if package_builds.environment_hash(old) != package_builds.environment_hash(new):
            self._tell_outdated(new)

    def _tell_outdated(self, environment: environment_types.Environment) -> None:
        key = catalog.key_of(environment.metadata)
        outdated = sorted(
            package.metadata.name
            for package in self._catalog.packages.lister.by_index(catalog.BY_ENVIRONMENT, key)
            if package_builds.is_outdated(package, environment)
        )
        if not outdated:
            return
        shown = ", ".join(outdated[:NAMED_PACKAGES])
        more = (
            f" and {len(outdated) - NAMED_PACKAGES} more" if len(outdated) > NAMED_PACKAGES else ""
        )
        self._tell(
            environment,
            events.NORMAL,
            "PackagesOutdated",
            f"built with this environment as it was before: {shown}{more}; they go on as they are,"
            " `fission pkg rebuild --name <package> --nocache` builds one anew",
        )

    def _on_builder(self, old: Obj | None, new: Obj | None) -> None:
        if old is not None and new is not None and _same(old, new):
            return
        one = new or old
        if one is None:
            return
        for index in catalog.builder_of(one):
            place, name = index.split("/", 1)
            for namespace in {place, "default"}:
                if self._settings.builder_namespace_of(namespace) == place:
                    self.queue.add(f"{namespace}/{name}")

    def _tell(
        self, environment: environment_types.Environment, kind: str, reason: str, message: str
    ) -> None:
        self._recorder.event(objects.reference_to(environment), kind, reason, message)


def _same(old: Obj, new: Obj) -> bool:
    return bool(
        old["metadata"].get("generation") == new["metadata"].get("generation")
        and old["metadata"].get("annotations") == new["metadata"].get("annotations")
        and old["metadata"].get("deletionTimestamp") == new["metadata"].get("deletionTimestamp")
    )
