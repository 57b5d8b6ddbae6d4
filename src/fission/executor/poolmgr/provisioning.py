"""Keeps functions' provisioned concurrency: pods specialized ahead of requests.

One look at a function (``provisioning_plan``) says how many there should be until when, which of
its services are kept from the reaper, and how many are missing. Those are specialized as for a
request, a few at a time, behind everybody who waits for a pod. What is kept is told by a label on
the pods, so a successor keeps the same. Nothing else is remembered: a pod that dies, a new
generation, a window's edge or a restart are all one more look.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator
from typing import Any, Final

from fission.api import environment_types, function_types, labels
from fission.base import clock as clocks
from fission.base import tasks
from fission.executor import catalog, config, errors, fscache
from fission.executor.poolmgr import pods, pools
from fission.executor.poolmgr import provisioning_plan as plans
from fission.kube import client as kube_client
from fission.kube import reconcile as loops
from fission.kube import workqueue
from fission.meta import gvk, objectmeta, status
from fission.meta import labels as meta_labels

logger = logging.getLogger(__name__)

Obj = dict[str, Any]

WORKERS: Final = 2
AT_ONCE: Final = 8
"""Pods specialized ahead of requests at once, of all functions."""
OF_ONE_FUNCTION: Final = 4
LOOK_SECONDS: Final = 30.0
"""At least so often: clocks are set, and what was told may have been lost."""
YIELD_SECONDS: Final = 0.25
"""Before another try where requests come first."""

Specialize = Callable[[function_types.Function], Awaitable[bool]]
"""Makes one pod that nobody asked for; False where there may be none now."""
Tell = Callable[[function_types.Function, plans.Report], None]


@dataclasses.dataclass(slots=True)
class State:
    """What is known of one function that provisions, or did."""

    uid: str
    generation: int
    kept: frozenset[str]
    target: int = 0
    ready: int = 0
    queued: int = 0
    """Starts that wait for their turn."""
    running: int = 0
    """Starts that are not over, those that wait among them."""
    failures: int = 0
    failure: str = ""
    retry_at: float = 0.0


class Provisioning:
    """Keys are ``namespace/name`` of Functions."""

    def __init__(
        self,
        client: kube_client.Client,
        known: catalog.Catalog,
        cache: fscache.FunctionServiceCache,
        all_pools: pools.Pools,
        settings: config.Config,
        *,
        specialize: Specialize,
        tell: Tell,
        clock: clocks.Clock,
        group: tasks.Tasks,
    ) -> None:
        self._client = client
        self._catalog = known
        self._cache = cache
        self._pools = all_pools
        self._cap = settings.provisioned_max_per_function
        self._specialize = specialize
        self._tell = tell
        self._clock = clock
        self._group = group
        self._states: dict[str, State] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)
        self.started = 0
        self.failed = 0
        self.queue: workqueue.WorkQueue[str] = workqueue.WorkQueue()

    def start(self) -> None:
        """Begin to listen."""
        self._catalog.functions.add_handler(self._on_function)
        self._catalog.environments.add_handler(self._on_environment)
        self._catalog.pods.add_handler(self._on_pod)

    async def run(self) -> None:
        """Reconcile until cancelled."""
        await loops.run(self.queue, self.reconcile, workers=WORKERS, name="provisioning")

    def kept(self, function: function_types.Function) -> Collection[str]:
        """UIDs of the function's pods that stay, however idle they are."""
        key = catalog.function_key(function)
        state = self._states.get(key)
        if state is not None and state.uid == function.metadata.uid:
            return state.kept
        if function.spec.provisioned_concurrency is None:
            return ()
        return self._labelled(self._pods(key))

    def states(self) -> Iterator[tuple[str, State]]:
        """What metrics show, by ``namespace/name``."""
        return iter(list(self._states.items()))

    async def reconcile(self, key: str) -> loops.Result | None:
        """Look at one function."""
        namespace, name = key.split("/", 1)
        function = self._catalog.functions.lister.get(namespace, name)
        found = self._pods(key)
        if function is None:
            self._states.pop(key, None)
            return None
        state = self._state(key, function, found)
        now = self._clock.now()
        aim = plans.target(function, self._environment(function), self._cap, now)
        generation = fscache.FunctionKey(function.metadata.uid, function.metadata.generation)
        services = self._cache.services(generation)
        planned = plans.plan(aim.count, services, self._cache.used(generation), state.kept)
        state.kept, state.target, state.ready = planned.kept, aim.count, len(planned.kept)
        wait = self._fill(key, function, state, planned.start)
        self._tell(function, plans.report(function, aim, state.ready, state.failure))
        if function.spec.provisioned_concurrency is None and not state.running:
            self._states.pop(key, None)
        await self._label(found, planned.kept)
        if function.spec.provisioned_concurrency is None:
            return None
        seconds = plans.until(aim.next_edge, now, LOOK_SECONDS)
        return loops.Result(requeue_after_seconds=min(seconds, wait))

    def _state(self, key: str, function: function_types.Function, found: list[Obj]) -> State:
        metadata = function.metadata
        state = self._states.get(key)
        if state is None or state.uid != metadata.uid:
            kept = self._labelled(found)
            state = self._states[key] = State(metadata.uid, metadata.generation, kept)
        if state.generation != metadata.generation:
            state.generation = metadata.generation
            state.failures, state.failure, state.retry_at = 0, "", 0.0
        return state

    def _fill(
        self, key: str, function: function_types.Function, state: State, missing: int
    ) -> float:
        """Start what is missing, as far as it may be now; returns when to look again at last."""
        if missing <= 0:
            state.failures, state.failure = 0, ""
            return LOOK_SECONDS
        left = state.retry_at - self._clock.monotonic()
        if left > 0:
            return left
        most = OF_ONE_FUNCTION if not state.failures else 1
        for _ in range(min(missing - state.queued, most - state.running)):
            state.queued += 1
            state.running += 1
            self._group.spawn(self._start_one(key, function, state), f"provision {key}")
        return LOOK_SECONDS

    async def _start_one(self, key: str, function: function_types.Function, state: State) -> None:
        is_queued, again = True, 0.0
        try:
            async with self._turns:
                state.queued, is_queued = state.queued - 1, False
                present = self._catalog.functions.lister.get(*key.split("/", 1))
                if present is None or present.metadata.generation != function.metadata.generation:
                    return
                if self._has_requests(function) or not await self._specialize(function):
                    again = YIELD_SECONDS
                    return
            self.started += 1
            state.failures, state.failure = 0, ""
        except errors.ExecutorError as error:
            self.failed += 1
            if state.generation == function.metadata.generation:
                state.failures += 1
                state.failure = error.message
                again = plans.backoff_seconds(state.failures)
                state.retry_at = self._clock.monotonic() + again
        finally:
            state.queued -= is_queued
            state.running -= 1
            self.queue.add_after(key, again)

    def _has_requests(self, function: function_types.Function) -> bool:
        """Whether somebody waits for a pod of the same pool."""
        environment = self._environment(function)
        return environment is not None and self._pools.asked_for(environment.metadata.uid) > 0

    async def _label(self, found: list[Obj], kept: frozenset[str]) -> None:
        """Say on the pods which are kept; a pod whose record is not written yet comes later."""
        for pod in found:
            metadata = pod["metadata"]
            is_kept = metadata["uid"] in kept
            if objectmeta.is_deleting(pod) or pods.is_generic(pod) or is_kept == _is_labelled(pod):
                continue
            patch = {
                "metadata": {
                    "uid": metadata["uid"],
                    "labels": {labels.PROVISIONED: "true" if is_kept else None},
                }
            }
            try:
                await self._client.patch(gvk.PODS, metadata["name"], patch, metadata["namespace"])
            except (status.NotFound, status.Conflict):
                continue

    def _pods(self, key: str) -> list[Obj]:
        return list(self._catalog.pods.lister.by_index(catalog.BY_FUNCTION, key))

    def _labelled(self, found: list[Obj]) -> frozenset[str]:
        return frozenset(pod["metadata"]["uid"] for pod in found if _is_labelled(pod))

    def _environment(
        self, function: function_types.Function
    ) -> environment_types.Environment | None:
        namespace, name = catalog.environment_key(function).split("/", 1)
        return self._catalog.environments.lister.get(namespace, name)

    # What the informers tell.

    def _on_function(
        self, old: function_types.Function | None, new: function_types.Function | None
    ) -> None:
        one = new or old
        if one is None or (old and new and old.metadata.generation == new.metadata.generation):
            return
        key = catalog.function_key(one)
        if one.spec.provisioned_concurrency is not None or key in self._states:
            self.queue.add(key)

    def _on_environment(
        self,
        old: environment_types.Environment | None,
        new: environment_types.Environment | None,
    ) -> None:
        one = new or old
        if one is None or (old and new and old.metadata.generation == new.metadata.generation):
            return
        key = f"{one.metadata.namespace}/{one.metadata.name}"
        for found in self._catalog.functions.lister.keys_by_index(catalog.BY_ENVIRONMENT, key):
            if "/".join(found) in self._states:
                self.queue.add("/".join(found))

    def _on_pod(self, old: Obj | None, new: Obj | None) -> None:
        for pod in (old, new):
            for key in catalog.function_of(pod) if pod is not None else ():
                if key in self._states or _is_labelled(pod or {}):
                    self.queue.add(key)


def _is_labelled(pod: Obj) -> bool:
    return meta_labels.of(pod).get(labels.PROVISIONED) == "true"
