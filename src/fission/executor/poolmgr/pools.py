"""All pools, fed by the pod informer, and the waiting for a pod.

Belongs to the event loop. Decisions are ``pool``'s; this module hands pods to those who wait and
tells those who wait in vain why.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable
from typing import Any

from fission.api import environment_defaults, environment_types, environment_validation, labels
from fission.base import clock as clocks
from fission.executor import catalog, config, errors
from fission.executor.poolmgr import pods, pool, resources
from fission.meta import labels as meta_labels
from fission.meta import objectmeta, podports, podstate

Obj = dict[str, Any]

LOOK_SECONDS = 0.25
"""How often somebody who waits looks at what the pool's pods say."""
FIRST_CALLS_SECONDS = 1.0
"""How long after a function's first call bursts of others are gentle: such calls come in rows."""


class Pools:
    """The pools by Environment UID."""

    def __init__(
        self, known: catalog.Catalog, settings: config.Config, clock: clocks.Clock
    ) -> None:
        self._catalog = known
        self._settings = settings
        self._clock = clock
        self._pools: dict[str, pool.Pool] = {}
        self._environments: dict[str, environment_types.Environment] = {}
        self._hopeless: dict[str, tuple[float, str | None]] = {}
        """Environment UID → when somebody last looked at its pods, and what was found."""
        self._refusals: dict[str, str] = {}
        """Environment UID → why the last extra pod could not be made."""
        self.on_want: Callable[[environment_types.Environment, int], None] = lambda _, __: None
        """Told that a pool needs so many extra pods."""
        self._first_calls: dict[str, float] = {}
        """Function UID → when it last asked for its first pod, if that was lately."""
        self._looks: dict[str, asyncio.TimerHandle] = {}
        """Environment UID → the next look at a pool that grows gently."""
        self._tickets = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[pool.GenericPod]] = {}

    def snapshot(self) -> list[dict[str, object]]:
        """What debugInfo shows."""
        return [
            {
                "environmentUid": uid,
                "ready": one.generic_count,
                "starting": one.starting_count,
                "waiting": one.waiting_count,
            }
            for uid, one in self._pools.items()
        ]

    def has_present(self, environment: environment_types.Environment) -> bool:
        """Whether a pod of the environment's present runtime is there for the next request, as far
        as the pool keeps any."""
        target = self._pools.get(environment.metadata.uid)
        if target is None or environment_defaults.pool_size(environment.spec) == 0:
            return True
        return target.look() is not None

    def environment_changed(self, environment: environment_types.Environment) -> None:
        """The environment is there; only pods of its present runtime are given out."""
        target = self._pool(environment)
        target.runtime_hash = resources.runtime_hash(environment)
        target.reserve = self._reserve(environment)
        target.shared = environment_defaults.is_infinite(environment.spec)
        self._environments[environment.metadata.uid] = environment
        self._grow(environment.metadata.uid)

    def environment_gone(self, uid: str) -> None:
        """Nobody can ask for the environment any more."""
        self._pools.pop(uid, None)
        self._environments.pop(uid, None)
        self._refusals.pop(uid, None)
        self._hopeless.pop(uid, None)

    def offer(self, found: Obj) -> None:
        """A generic pod, or one that was generic a moment ago, changed."""
        environment_uid = meta_labels.of(found).get(labels.ENVIRONMENT_UID, "")
        target = self._pools.get(environment_uid)
        uid, now = found["metadata"]["uid"], self._clock.monotonic()
        is_out = not pods.is_generic(found) or objectmeta.is_deleting(found)
        if target is None:
            if is_out:
                return  # on its way out, its environment most likely before it
            target = self._pools[environment_uid] = pool.Pool(shared=self.is_shared(found))
        if is_out:
            target.pod_gone(uid)
        elif podstate.is_ready(found):
            try:
                target.pod_ready(pods.generic_pod(found))
            except podports.UnknownPort:
                target.pod_unready(uid, now=now)
        else:
            target.pod_unready(uid, meta_labels.of(found).get(labels.ENV_RUNTIME_HASH, ""), now)
        self._assign(environment_uid, target)

    def withdraw(self, found: Obj) -> None:
        """The pod is deleted."""
        uid = meta_labels.of(found).get(labels.ENVIRONMENT_UID, "")
        target = self._pools.get(uid)
        if target is not None:
            target.pod_gone(found["metadata"]["uid"])
            self._grow(uid)
            if uid not in self._environments and target.is_empty:
                del self._pools[uid]

    def unready(self, environment_uid: str, uid: str) -> None:
        """The pod does not answer; it comes back when the API says that it is ready."""
        target = self._pools.get(environment_uid)
        if target is not None:
            target.pod_unready(uid, now=self._clock.monotonic())

    def put_back(self, environment_uid: str, given: pool.GenericPod) -> None:
        """A pod that was chosen was not touched."""
        target = self._pools.get(environment_uid)
        if target is not None:
            target.put_back(given)
            self._assign(environment_uid, target)

    def look(self, environment: environment_types.Environment) -> pool.GenericPod | None:
        """A generic pod that stays one: only its fetcher may be asked for something."""
        target = self._pools.get(environment.metadata.uid)
        return target.look() if target is not None else None

    # What ``growth`` does to a pool.

    def asked(self, environment_uid: str) -> None:
        """An extra pod is being made."""
        target = self._pools.get(environment_uid)
        if target is not None:
            target.pod_asked(self._clock.monotonic())

    def answered(self, environment_uid: str, uid: str | None, refusal: str) -> None:
        """The extra pod is there, or was refused."""
        target = self._pools.get(environment_uid)
        if target is None:
            return
        target.pod_answered(uid)
        if refusal:
            self._refusals[environment_uid] = refusal
        else:
            self._refusals.pop(environment_uid, None)
        self._grow(environment_uid)

    def knows(self, environment_uid: str) -> bool:
        return environment_uid in self._pools

    def waiting(self, environment_uid: str) -> int:
        """How many stand in line for a pod of the environment."""
        target = self._pools.get(environment_uid)
        return target.waiting_count if target is not None else 0

    def asked_for(self, environment_uid: str) -> int:
        """How many requests wait for a pod of the environment."""
        target = self._pools.get(environment_uid)
        return target.asked_count if target is not None else 0

    def retire_surplus(
        self, environment_uid: str, size: int, unready: Iterable[str] = ()
    ) -> list[str]:
        """UIDs of extra pods that nobody needs and, from now on, nobody is given.

        ``unready``: those that are not ready although nobody has been in line for long.
        """
        target = self._pools.get(environment_uid)
        if target is None:
            return []
        return [uid for uid in (*target.surplus(size), *unready) if target.retire(uid)]

    def hurry(self, function_uid: str) -> None:
        """A request waits for the pods that the function was to have ahead of any."""
        for environment_uid, target in self._pools.items():
            if target.hurry(function_uid):
                self._assign(environment_uid, target)
                return

    async def choose(
        self,
        environment: environment_types.Environment,
        function_uid: str,
        *,
        further: bool,
        ahead: bool = False,
    ) -> pool.GenericPod:
        """A generic pod, now nobody else's; raises NoPod when there will be none in time.

        ``further``: the function has pods already, or others on the way. ``ahead``: no request
        waits for it, so everybody who waits comes first.
        """
        target = self._pool(environment)
        ticket = next(self._tickets)
        future: asyncio.Future[pool.GenericPod] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = future
        target.request(ticket, function_uid, further=further, ahead=ahead)
        self._environments[environment.metadata.uid] = environment
        if not further and not ahead:
            self._first_calls[function_uid] = self._clock.monotonic()
        self._assign(environment.metadata.uid, target)
        try:
            return await self._wait(environment, future)
        except BaseException:
            if future.done() and not future.cancelled():
                self.put_back(environment.metadata.uid, future.result())
            raise
        finally:
            target.cancel(ticket)
            self._waiting.pop(ticket, None)

    async def _wait(
        self,
        environment: environment_types.Environment,
        future: asyncio.Future[pool.GenericPod],
    ) -> pool.GenericPod:
        if future.done():
            return future.result()
        metadata = environment.metadata
        name = f"environment {metadata.namespace}/{metadata.name}"
        is_empty = environment_defaults.pool_size(environment.spec) == 0
        if is_empty and self._settings.extra_pods == 0:
            raise errors.NoPod(f"{name} has poolsize 0: it keeps no pod that could take a function")
        faults = environment_validation.validate_outbound(environment)
        if faults:
            raise errors.NoPod(f"{name} gets no pods: {faults[0]}")
        began = self._clock.monotonic()
        hopeless_since: float | None = None
        while True:
            done, _ = await asyncio.wait({future}, timeout=LOOK_SECONDS)
            if done:
                return future.result()
            now = self._clock.monotonic()
            self._grow(metadata.uid)  # pods that take long are not waited for one after another
            reason = self._why_hopeless(environment)
            if reason is None:
                hopeless_since = None
            elif hopeless_since is None:
                hopeless_since = now
            elif now - hopeless_since >= self._settings.hopeless_seconds:
                raise errors.NoPod(f"{name} has no pod for the function: {reason}")
            if now - began >= self._settings.pod_ready_timeout_seconds:
                waited = f"{self._settings.pod_ready_timeout_seconds:.0f} s"
                raise errors.NoPod(
                    f"{name} had no ready pod within {waited}: {reason or 'its pods are starting'}"
                )

    def _why_hopeless(self, environment: environment_types.Environment) -> str | None:
        uid, now = environment.metadata.uid, self._clock.monotonic()
        looked_at, reason = self._hopeless.get(uid, (-LOOK_SECONDS, None))
        if now - looked_at >= LOOK_SECONDS:  # once for all in line
            reason = pods.why_hopeless(self._pool_pods(environment))
            self._hopeless[uid] = now, reason
        refusal = self._refusals.get(environment.metadata.uid)
        return reason and (f"another pod was refused: {refusal}" if refusal else reason)

    def _pool_pods(self, environment: environment_types.Environment) -> list[Obj]:
        key = f"{environment.metadata.namespace}/{environment.metadata.name}"
        present = resources.runtime_hash(environment)
        return [
            found
            for found in self._catalog.pods.lister.by_index(catalog.BY_ENVIRONMENT, key)
            if pods.is_generic(found)
            and meta_labels.of(found).get(labels.ENVIRONMENT_UID) == environment.metadata.uid
            and meta_labels.of(found).get(labels.ENV_RUNTIME_HASH) == present
        ]

    def _assign(self, environment_uid: str, target: pool.Pool) -> None:
        for ticket, given in target.assignments():
            future = self._waiting.get(ticket)
            if future is None or future.done():
                target.put_back(given)
            else:
                future.set_result(given)
        self._grow(environment_uid)

    def _grow(self, environment_uid: str) -> None:
        target = self._pools.get(environment_uid)
        environment = self._environments.get(environment_uid)
        if target is None or environment is None:
            return
        is_shared = environment_defaults.is_infinite(environment.spec)
        if is_shared or environment_validation.validate_outbound(environment):
            return  # one pod serves them all; or none can be made
        now = self._clock.monotonic()
        gentle = self._has_first_calls_beside(target.only_further, now)
        count = target.wanted(self._settings.extra_pods, now, gentle=gentle)
        if count:
            self.on_want(environment, count)
        if gentle and environment_uid not in self._looks:
            later = asyncio.get_running_loop().call_later(
                pool.GENTLE_EVERY_SECONDS, self._look_again, environment_uid
            )
            self._looks[environment_uid] = later

    def _look_again(self, environment_uid: str) -> None:
        del self._looks[environment_uid]
        self._grow(environment_uid)

    def _has_first_calls_beside(self, functions: set[str], now: float) -> bool:
        """Whether others than these functions were called for the first time a moment ago."""
        for uid in [u for u, at in self._first_calls.items() if now - at > FIRST_CALLS_SECONDS]:
            del self._first_calls[uid]
        return bool(functions) and any(uid not in functions for uid in self._first_calls)

    def _pool(self, environment: environment_types.Environment) -> pool.Pool:
        uid = environment.metadata.uid
        target = self._pools.get(uid)
        if target is None:
            shared = environment_defaults.is_infinite(environment.spec)
            target = self._pools[uid] = pool.Pool(shared=shared)
            target.runtime_hash = resources.runtime_hash(environment)
            target.reserve = self._reserve(environment)
        return target

    def _reserve(self, environment: environment_types.Environment) -> int:
        """A pool of one is for whoever comes; one that cannot grow gives all it has."""
        size = environment_defaults.pool_size(environment.spec)
        return 1 if size > 1 and self._settings.extra_pods else 0

    def is_shared(self, found: Obj) -> bool:
        """Whether the pod takes any number of functions."""
        found_labels = meta_labels.of(found)
        environment = self._catalog.environments.lister.get(
            found_labels.get(labels.ENVIRONMENT_NAMESPACE),
            found_labels.get(labels.ENVIRONMENT_NAME, ""),
        )
        return environment is not None and environment_defaults.is_infinite(environment.spec)
