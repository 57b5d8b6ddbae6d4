"""The front of an executor whose functions have pods of their own: address, or wait for one.

A function that is up is answered from memory. Otherwise the caller waits, together with all others
of that function, while ``reconciler`` makes or scales its Deployment; what the pods' status says
ends the wait, with the address or with the reason why there will be none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fission.api import function_defaults, function_types, labels
from fission.base import clock as clocks
from fission.base import errors as base_errors
from fission.contracts import coldstart
from fission.executor import catalog, errors
from fission.executor.workload import crashes, lingering, objects, readiness, scaling
from fission.meta import labels as meta_labels
from fission.meta import objectmeta

logger = logging.getLogger(__name__)

Obj = dict[str, Any]
Report = Callable[[function_types.Function, errors.ExecutorError | None], None]
"""Told whether a function is up, or why not."""

Warn = Callable[[function_types.Function, str], None]
"""Told what the owner of a function that is up should know all the same."""
Started = Callable[[function_types.Function, coldstart.ColdStart], None]
"""Told how long those who waited did, and for what."""

Ended = Callable[[function_types.Function, Obj], None]
"""Told of every change of a function's pod: what ran in it may have ended."""

MARGIN_SECONDS = 10.0
"""Beyond the function's specialization timeout, for the way there and back; Fission's."""


@dataclass(slots=True)
class Use:
    """What memory holds of a function that was asked for or whose pods exist."""

    last_used_at: float
    waiting: set[asyncio.Future[None]] = field(default_factory=set)
    closing: bool = False
    """Its pods are being taken away at this moment: they are not to be given out."""
    closed_as: tuple[str, int] = ("", 0)
    """UID and generation of its Deployment: what is older shows a size that was changed since."""
    stuck_since: float | None = None
    reported: str | None = None
    """What was last said of the function, by generation; without text it is up."""
    warned: str = ""
    """What was last said of an update that does not come up."""
    asked_at: float | None = None
    """When the first of those who wait came."""
    scaled_at: float | None = None
    """When the pods that they wait for were declared."""


class Manager:
    """A ``dispatch.FunctionExecutor`` for one executor type."""

    def __init__(
        self,
        executor_type: str,
        known: catalog.Catalog,
        *,
        clock: clocks.Clock,
        hopeless_seconds: float,
        report: Report,
        warn: Warn,
        started: Started,
        ended: Ended,
    ) -> None:
        self.executor_type = executor_type
        self._catalog = known
        self._clock = clock
        self._hopeless_seconds = hopeless_seconds
        self._report = report
        self._warn = warn
        self._started = started
        self._ended = ended
        self.lingering = lingering.Lingering()
        self._crashes = crashes.Crashes("")
        self._crashed: set[str] = set()
        """UIDs of pods that have to go."""
        self._uses: dict[str, Use] = {}
        self._wake: Callable[[str], None] = lambda key: None

    def start(self, wake: Callable[[str], None]) -> None:
        """Begin to listen; ``wake`` has a function (``namespace/name``) reconciled."""
        self._wake = wake
        self._crashes = crashes.Crashes(clocks.format_rfc3339(self._clock.now()))
        self._catalog.workload_pods.add_handler(self._on_pod)
        self._catalog.workload_deployments.add_handler(self._on_deployment)
        self._catalog.functions.add_handler(self._on_function)

    # The promise of an executor.

    async def get_service(self, function: function_types.Function) -> str:
        function = await self._catalog.function(function)
        use = self._touch(function.metadata.uid)
        if not self._is_up(function, use):
            await self._wait(function, use)
        namespace = self._catalog.place_of(function.metadata.namespace)
        return f"{objects.name_of(function)}.{namespace}"

    async def ensure_capacity(self, function: function_types.Function, busy_endpoints: int) -> str:
        return await self.get_service(function)

    def tap(self, metadata: objectmeta.ObjectMeta, address: str) -> bool:
        use = self._uses.get(metadata.uid)
        if use is None:
            return False
        use.last_used_at = self._clock.monotonic()
        self.lingering.used(address, use.last_used_at)
        return True

    def untap(self, metadata: objectmeta.ObjectMeta, address: str) -> bool:
        return metadata.uid in self._uses

    # What the reconciler asks and tells.

    def need(self, uid: str) -> scaling.Need:
        """How much the function is wanted."""
        use = self._uses.get(uid)
        if use is None:
            return scaling.Need(waiting=False, idle_seconds=0.0)
        return scaling.Need(
            waiting=bool(use.waiting),
            idle_seconds=self._clock.monotonic() - use.last_used_at,
        )

    def remember(self, uid: str) -> None:
        """The function has pods: they are idle from now on, as far as is known."""
        self._uses.setdefault(uid, Use(self._clock.monotonic()))

    def forget(self, uid: str) -> None:
        """The function has no objects here any more."""
        use = self._uses.get(uid)
        if use is not None and not use.waiting:
            del self._uses[uid]

    def closing(self, uid: str) -> None:
        """Its pods are about to be taken away."""
        self._use(uid).closing = True

    def closed(self, uid: str, deployment: Obj | None) -> None:
        """They are, as of a Deployment; None when nothing was written."""
        use = self._use(uid)
        use.closing = False
        if deployment is not None:
            use.closed_as = (objectmeta.uid_of(deployment), _generation_of(deployment))

    def declared(self, uid: str) -> None:
        """The pods that somebody waits for are declared."""
        use = self._use(uid)
        if use.scaled_at is None:
            use.scaled_at = self._clock.monotonic()

    def failed(self, function: function_types.Function, error: errors.ExecutorError) -> None:
        """Its objects cannot be made: nobody has to wait for them."""
        use = self._uses.get(function.metadata.uid)
        self._say(function, use, error)
        if use is not None:
            self._end(use, error)

    def crashed_pods(self, function: function_types.Function) -> list[Obj]:
        """Pods whose runtime has lost the function."""
        uid = function.metadata.uid
        return [
            pod
            for pod in self._catalog.workload_pods.lister.by_index(catalog.BY_UID, uid)
            if objectmeta.uid_of(pod) in self._crashed and not objectmeta.is_deleting(pod)
        ]

    def lingering_pods(self) -> list[Obj]:
        """Pods that are being deleted and that no router has reported use of for a while."""
        going = [
            pod
            for pod in self._catalog.workload_pods.lister.list()
            if objectmeta.is_deleting(pod)
            and meta_labels.of(pod).get(labels.EXECUTOR_TYPE) == self.executor_type
        ]
        return self.lingering.plan(going, self._clock.monotonic())

    def snapshot(self) -> list[dict[str, object]]:
        """What debugInfo shows."""
        now = self._clock.monotonic()
        return [
            {
                "functionUid": uid,
                "executorType": self.executor_type,
                "idleSeconds": round(now - use.last_used_at, 1),
                "waiting": len(use.waiting),
            }
            for uid, use in self._uses.items()
        ]

    # Waiting.

    async def _wait(self, function: function_types.Function, use: Use) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        use.waiting.add(future)
        if use.asked_at is None:
            use.asked_at, use.scaled_at = self._clock.monotonic(), None
        key = catalog.function_key(function)
        self._wake(key)
        limit = function_defaults.specialization_timeout_seconds(function.spec) + MARGIN_SECONDS
        try:
            async with asyncio.timeout(limit):
                self._judge(key)
                await future
        except TimeoutError as error:
            raise errors.SpecializationFailed(
                f"function {key} got no ready pod within {limit:.0f} s", final=False
            ) from error
        finally:
            use.waiting.discard(future)
            if not use.waiting:
                use.asked_at = None
            use.last_used_at = self._clock.monotonic()

    def _on_pod(self, old: Obj | None, new: Obj | None) -> None:
        if new is None and old is not None:
            self._crashes.forget(old)
            self._crashed.discard(objectmeta.uid_of(old))
        elif new is not None and self._crashes.observe(new):
            self._crashed.add(objectmeta.uid_of(new))
            for key in catalog.function_of(new):
                self._wake(key)
        if old is not None and new is not None:
            for key in catalog.function_of(new):
                function = self._catalog.functions.lister.get(*key.split("/", 1))
                if function is not None:
                    self._ended(function, new)
        self._on_deployment(old, new)

    def _on_function(
        self, old: function_types.Function | None, new: function_types.Function | None
    ) -> None:
        """A function that is gone, or of another type, has nobody waiting here."""
        one = new or old
        use = self._uses.get(one.metadata.uid) if one is not None else None
        if one is None or use is None:
            return
        if new is None:
            del self._uses[one.metadata.uid]
            gone = f"function {catalog.function_key(one)} was deleted"
            self._end(use, errors.MissingObject(gone))
        elif function_defaults.executor_type(new.spec) != self.executor_type:
            self._end(use, errors.NoPod("the function's executor type was changed"))

    def _on_deployment(self, old: Obj | None, new: Obj | None) -> None:
        one = new or old
        if one is None or meta_labels.of(one).get(labels.EXECUTOR_TYPE) != self.executor_type:
            return
        for key in catalog.function_of(one):
            self._judge(key)

    def _judge(self, key: str) -> None:
        """Compare a function's state with what its callers wait for and its owner was told."""
        namespace, name = key.split("/", 1)
        function = self._catalog.functions.lister.get(namespace, name)
        if function is None:
            return
        if function_defaults.executor_type(function.spec) != self.executor_type:
            return
        use = self._uses.get(function.metadata.uid)
        if use is None:
            return
        state = self._state(function, use)
        match state:
            case readiness.Up():
                use.stuck_since = None
                self._tell_start(function, use)
                self._say(function, use, None)
                self._end(use, None)
                self._warn_of_update(function, use)
            case readiness.Coming():
                use.stuck_since = None
            case readiness.Stuck():
                self._on_stuck(function, key, use, state)

    def _on_stuck(
        self, function: function_types.Function, key: str, use: Use, state: readiness.Stuck
    ) -> None:
        now = self._clock.monotonic()
        if use.stuck_since is None:
            use.stuck_since = now
            if not state.by_function:
                loop = asyncio.get_running_loop()
                loop.call_later(self._hopeless_seconds, self._judge, key)
        if not state.by_function and now - use.stuck_since < self._hopeless_seconds:
            return
        error: errors.ExecutorError
        if state.by_function:
            error = errors.SpecializationFailed(state.message, final=True)
        else:
            error = errors.NoPod(f"function {key} has no pod that serves: {state.message}")
        self._say(function, use, error)
        self._end(use, error)

    def _state(self, function: function_types.Function, use: Use) -> readiness.State:
        namespace = self._catalog.place_of(function.metadata.namespace)
        deployment = self._catalog.workload_deployments.lister.get(
            namespace, objects.name_of(function)
        )
        if use.closing or deployment is None:
            return readiness.Coming()
        closed_uid, generation = use.closed_as
        if objectmeta.uid_of(deployment) == closed_uid and _generation_of(deployment) < generation:
            return readiness.Coming()
        uid = function.metadata.uid
        alive = [pod for pod in self._pods(uid) if objectmeta.uid_of(pod) not in self._crashed]
        return readiness.assess(deployment, alive)

    def _pods(self, uid: str) -> list[Obj]:
        return [
            pod
            for pod in self._catalog.workload_pods.lister.by_index(catalog.BY_UID, uid)
            if meta_labels.of(pod).get(labels.EXECUTOR_TYPE) == self.executor_type
        ]

    def _is_up(self, function: function_types.Function, use: Use) -> bool:
        return isinstance(self._state(function, use), readiness.Up)

    def is_up(self, function: function_types.Function) -> bool:
        """Whether a pod of the function serves."""
        use = self._uses.get(function.metadata.uid)
        return use is not None and self._is_up(function, use)

    def _warn_of_update(self, function: function_types.Function, use: Use) -> None:
        """Old pods serve, but a new one did not load: requests do not show it, so somebody must."""
        found = (
            readiness.why_stuck(pod)
            for pod in self._pods(function.metadata.uid)
            if not objectmeta.is_deleting(pod)
        )
        failed = next((why.message for why in found if why is not None and why.by_function), "")
        said = f"{function.metadata.generation}:{failed}"
        if failed and use.warned != said:
            use.warned = said
            self._warn(function, f"pods from before the update serve on: {failed}")

    def _tell_start(self, function: function_types.Function, use: Use) -> None:
        if use.asked_at is None:
            return
        now = self._clock.monotonic()
        scaled_at = use.asked_at if use.scaled_at is None else use.scaled_at
        steps = (
            coldstart.Step(coldstart.SCALE, round((scaled_at - use.asked_at) * 1000, 1)),
            coldstart.Step(coldstart.READY, round((now - scaled_at) * 1000, 1)),
        )
        start = coldstart.make(self._clock.now(), now - use.asked_at, steps)
        use.asked_at = None
        self._started(function, start)

    def _say(
        self,
        function: function_types.Function,
        use: Use | None,
        error: errors.ExecutorError | None,
    ) -> None:
        said = f"{function.metadata.generation}:{'' if error is None else error.message}"
        if use is None or use.reported == said:
            return
        use.reported = said
        self._report(function, error)

    def _end(self, use: Use, error: errors.ExecutorError | None) -> None:
        for future in use.waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(_again(error))

    def _touch(self, uid: str) -> Use:
        use = self._use(uid)
        use.last_used_at = self._clock.monotonic()
        return use

    def _use(self, uid: str) -> Use:
        use = self._uses.get(uid)
        if use is None:
            use = self._uses[uid] = Use(self._clock.monotonic())
        return use


def _generation_of(deployment: Obj) -> int:
    return int(deployment["metadata"].get("generation") or 0)


def _again(error: errors.ExecutorError) -> base_errors.Error:
    """One exception for each who waits: raised twice, one would collect both tracebacks."""
    if isinstance(error, errors.SpecializationFailed):
        return errors.SpecializationFailed(error.message, final=error.final)
    return type(error)(error.message)
