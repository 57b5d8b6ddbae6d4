"""Keeps each Function's headless Service and its conditions.

The Service is made when the first pod's labels say whose it is: behind the first answer, which gave
a router the pod's address already. It goes again when the function has had no pod for a while, so
functions that nobody calls cost neither Service nor EndpointSlice, whoever watches those. The
conditions say what is in the way: an executor type that is not there, an environment or package
that does not exist, code that does not load.
"""

from __future__ import annotations

import logging
from typing import Any

from fission.api import (
    environment_types,
    function_defaults,
    function_types,
    labels,
    objects,
    package_types,
    resources,
)
from fission.base import clock as clocks
from fission.executor import (
    catalog,
    config,
    dispatch,
    errors,
    function_services,
    requests,
    switching,
    verdicts,
)
from fission.executor.poolmgr import provisioning_plan
from fission.executor.poolmgr import resources as pool_resources
from fission.kube import apply, events, reconcile, workqueue
from fission.kube import client as kube_client
from fission.meta import labels as meta_labels

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

WORKERS = 4
EVENT_MESSAGE_CHARS = 1000
NO_NUMBERS: Obj = dict.fromkeys(("provisionedReady", "provisionedTarget", "provisionedSpecTarget"))
"""What is 0 is not written; what was something else has to go."""


class FunctionReconciler:
    """Keys are ``namespace/name`` of Functions, existing or not."""

    def __init__(
        self,
        client: kube_client.Client,
        known: catalog.Catalog,
        settings: config.Config,
        switches: switching.Switches,
        recorder: events.Recorder,
        clock: clocks.Clock,
    ) -> None:
        self._client = client
        self._catalog = known
        self._settings = settings
        self._switches = switches
        self._recorder = recorder
        self._clock = clock
        self._dispatch: dispatch.Dispatch | None = None
        self._verdicts: dict[str, verdicts.Verdict] = {}
        self._provisioned: dict[str, provisioning_plan.Report] = {}
        self._kept = function_services.Kept()
        self.queue: workqueue.WorkQueue[str] = workqueue.WorkQueue()

    def start(self, executors: dispatch.Dispatch) -> None:
        """Begin to listen; ``executors`` says which types there are."""
        self._dispatch = executors
        self._catalog.functions.add_handler(self._on_function)
        self._catalog.environments.add_handler(self._on_environment)
        self._catalog.packages.add_handler(self._on_package)
        self._catalog.services.add_handler(self._on_service)
        self._catalog.pods.add_handler(self._on_pod)

    async def run(self) -> None:
        """Reconcile until cancelled."""
        await reconcile.run(self.queue, self.reconcile, workers=WORKERS, name="functions")

    def report(self, function: function_types.Function, error: errors.ExecutorError | None) -> None:
        """A specialization ended; its owner learns how."""
        generation = function.metadata.generation
        if error is None:
            verdict = verdicts.Verdict(generation)
        elif isinstance(error, errors.SpecializationFailed):
            verdict = verdicts.Verdict(generation, verdicts.FAILED, error.message)
            self._recorder.event(
                objects.reference_to(function),
                events.WARNING,
                verdicts.FAILED,
                verdicts.tail(error.message, EVENT_MESSAGE_CHARS),
            )
        elif isinstance(error, errors.NoPod | errors.InvalidPodSpec):
            verdict = verdicts.Verdict(generation, error.reason, error.message)
            self._recorder.event(
                objects.reference_to(function), events.WARNING, error.reason, error.message
            )
        else:
            return  # the reconciler sees for itself what is missing
        if self._verdicts.get(function.metadata.uid) != verdict:
            self._verdicts[function.metadata.uid] = verdict
            self.queue.add(catalog.function_key(function))

    def provisioned(
        self, function: function_types.Function, report: provisioning_plan.Report
    ) -> None:
        """How many pods the function keeps ahead of requests."""
        if self._provisioned.get(function.metadata.uid) != report:
            self._provisioned[function.metadata.uid] = report
            self.queue.add(catalog.function_key(function))

    def warn(self, function: function_types.Function, message: str) -> None:
        """Tell the owner of a function that can be called what is wrong all the same."""
        text = verdicts.tail(message, EVENT_MESSAGE_CHARS)
        self._recorder.event(objects.reference_to(function), events.WARNING, "UpdateFailed", text)

    async def reconcile(self, key: str) -> reconcile.Result | None:
        """Make one function name's Service and conditions what they should be."""
        namespace, name = key.split("/", 1)
        function = self._catalog.functions.lister.get(namespace, name)
        existing = [
            one
            for one in self._catalog.services.lister.by_index(catalog.BY_FUNCTION, key)
            if labels.EXECUTOR_TYPE not in meta_labels.of(one)
        ]
        has_pods = bool(self._catalog.pods.lister.by_index(catalog.BY_FUNCTION, key))
        left = self._kept.seconds_left(key, has_pods, bool(existing), self._clock.monotonic())
        desired = self._desired(function) if has_pods or left > 0 else None
        planned = function_services.plan_services(function, existing, desired)
        if function is not None and not self._is_pooled(function) and existing:
            # Of another type since: the Service stays as it is for as long as its pods do.
            planned = [] if self._switches.holds(function) else planned
        result = await apply.apply(self._client, planned)
        if result.requeue or function is None or function.metadata.deletion_timestamp:
            return result
        status = verdicts.plan_status(
            function,
            self._around(function),
            self._verdicts.get(function.metadata.uid),
            self._clock.now(),
            self._provisioned.get(function.metadata.uid),
        )
        if status is not None:
            patch = {
                "metadata": {"resourceVersion": function.metadata.resource_version},
                "status": {**NO_NUMBERS, **objects.encode_part(status)},
            }
            await self._client.patch(
                resources.FUNCTIONS, name, patch, namespace, subresource="status"
            )
        return reconcile.Result(requeue_after_seconds=left) if left > 0 else None

    def _desired(self, function: function_types.Function | None) -> Obj | None:
        if function is None or not self._settings.enable_function_services:
            return None
        if not self._is_pooled(function):
            return None
        return pool_resources.make_function_service(
            function,
            self._settings.function_namespace_of(function.metadata.namespace),
            owner_references=not self._settings.disable_owner_references,
        )

    def _is_pooled(self, function: function_types.Function) -> bool:
        return function_defaults.executor_type(function.spec) == function_types.POOLMGR

    def _around(self, function: function_types.Function) -> verdicts.Surroundings:
        assert self._dispatch is not None
        if not self._dispatch.supports(function):
            message = self._dispatch.unsupported(function)
            return verdicts.Surroundings(executor=(errors.UnsupportedExecutorType.reason, message))
        try:
            requests.check_reach(function)
        except errors.ForeignReference as error:
            return verdicts.Surroundings(executor=(error.reason, error.message))
        if function_defaults.executor_type(function.spec) == function_types.CONTAINER:
            return verdicts.Surroundings(has_package=False)
        environment = None
        namespace, name = catalog.environment_key(function).split("/", 1)
        if self._catalog.environments.lister.get(namespace, name) is None:
            message = self._catalog.no_environment(function)
            environment = (errors.EnvironmentNotFound.reason, message)
        return verdicts.Surroundings(environment=environment, package=self._package(function))

    def _package(self, function: function_types.Function) -> tuple[str, str] | None:
        key = catalog.package_key(function)
        package = self._catalog.packages.lister.get(*key.split("/", 1))
        if package is None:
            return errors.PackageNotFound.reason, f"package {key} does not exist"
        try:
            requests.check_loadable(package)
        except errors.PackageNotReady as error:
            return error.reason, verdicts.tail(error.message)
        return None

    def _on_function(
        self, old: function_types.Function | None, new: function_types.Function | None
    ) -> None:
        one = new or old
        if one is None:
            return
        if new is None:
            self._verdicts.pop(one.metadata.uid, None)
            self._provisioned.pop(one.metadata.uid, None)
        self.queue.add(catalog.function_key(one))

    def _on_environment(
        self,
        old: environment_types.Environment | None,
        new: environment_types.Environment | None,
    ) -> None:
        one = new or old
        if one is None or (old is not None and new is not None):
            return
        key = f"{one.metadata.namespace}/{one.metadata.name}"
        for found in self._catalog.functions.lister.keys_by_index(catalog.BY_ENVIRONMENT, key):
            self.queue.add("/".join(found))

    def _on_package(
        self, old: package_types.Package | None, new: package_types.Package | None
    ) -> None:
        one = new or old
        if one is None:
            return
        key = f"{one.metadata.namespace}/{one.metadata.name}"
        for found in self._catalog.functions.lister.keys_by_index(catalog.BY_PACKAGE, key):
            self.queue.add("/".join(found))

    def _on_service(self, old: Obj | None, new: Obj | None) -> None:
        one = new or old
        for key in catalog.function_of(one) if one is not None else ():
            self.queue.add(key)

    def _on_pod(self, old: Obj | None, new: Obj | None) -> None:
        """A function has its first pod, or not one any more."""
        if old is not None and new is not None and meta_labels.of(old) == meta_labels.of(new):
            return
        for one in (old, new):
            for key in catalog.function_of(one) if one is not None else ():
                self.queue.add(key)
