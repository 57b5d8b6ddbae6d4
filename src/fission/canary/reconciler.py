"""Does what ``plan`` says for each CanaryConfig. Level-triggered: any step may be done again.

Each look reads the canary and its trigger from the API, not from memory, takes one step, writes it
with the version it looked at, and looks again. Nothing is remembered between two looks, so a
process that is killed anywhere leaves what the next one goes on from.
"""

from __future__ import annotations

import logging
from typing import Any, Final, TypeVar

from fission.api import (
    canaryconfig_defaults,
    canaryconfig_lifecycle,
    canaryconfig_types,
    canaryconfig_validation,
    httptrigger_defaults,
    httptrigger_types,
    objects,
    resources,
    schema,
)
from fission.base import clock as clocks
from fission.canary import counts, plan, sources
from fission.kube import client as kube_client
from fission.kube import events, informer, workqueue
from fission.kube import reconcile as loops
from fission.meta import codec, gvk, objectmeta, status

logger = logging.getLogger(__name__)

Obj = dict[str, Any]
K = TypeVar("K", bound=schema.Model)

WORKERS: Final = 4
STEPPED: Final = "Stepped"


class Reconciler:
    """Keys are ``namespace/name`` of CanaryConfigs."""

    def __init__(
        self,
        client: kube_client.Client,
        canaries: informer.Informer[canaryconfig_types.CanaryConfig],
        source: sources.Source,
        recorder: events.Recorder,
        clock: clocks.Clock,
    ) -> None:
        self._client = client
        self._canaries = canaries
        self._source = source
        self._recorder = recorder
        self._clock = clock
        self.queue: workqueue.WorkQueue[str] = workqueue.WorkQueue()

    def start(self) -> None:
        """Begin to listen."""
        self._canaries.add_handler(self._on_canary)

    async def run(self) -> None:
        """Reconcile until cancelled."""
        await loops.run(self.queue, self.reconcile, workers=WORKERS, name="canaries")

    async def reconcile(self, key: str) -> loops.Result | None:
        """Take one step with one canary."""
        namespace, name = key.split("/", 1)
        try:
            raw = await self._client.get(resources.CANARYCONFIGS, name, namespace)
        except status.NotFound:
            return None
        config = objects.decode(canaryconfig_types.CanaryConfig, codec.deep_copy(raw))
        if canaryconfig_lifecycle.has_ended(config):
            return None
        one = _One(raw, config)
        facts = await self._facts(config)
        match plan.look(config, facts):
            case plan.Nothing():
                return None
            case plan.Hold(reason=reason, message=message):
                canaryconfig_lifecycle.mark_waiting(config, reason, message, facts.now)
                await self._write(one)
                return loops.Result(requeue_after_seconds=plan.LOOK_SECONDS)
            case plan.Abort(message=message, reason=reason):
                canaryconfig_lifecycle.mark_aborted(config, message, facts.now, reason)
                await self._end(one, events.WARNING, "Aborted", message)
                return None
            case plan.Open(weights=weights):
                return await self._open(one, facts, weights, "", "Progressing")
            case plan.Sleep(seconds=seconds):
                return loops.Result(requeue_after_seconds=seconds)
            case plan.Judge(seconds=seconds):
                return await self._judge(one, facts, seconds)
            case plan.Write(weights=weights):
                await self._move(config, facts, weights)
                return loops.Result(requeue_after_seconds=0.0)
            case plan.Settle(move=move):
                return await self._settle(one, facts, move)

    async def _facts(self, config: canaryconfig_types.CanaryConfig) -> plan.Facts:
        spec, namespace = config.spec, config.metadata.namespace
        faults = canaryconfig_validation.validate(config)
        others = self._canaries.lister.list(namespace)
        trigger = await self._find(
            resources.HTTPTRIGGERS, httptrigger_types.HTTPTrigger, spec.trigger, namespace
        )
        missing = []
        if config.status.window is None and trigger is not None:
            for name in (spec.new_function, spec.old_function):
                if not await self._exists(name, namespace):
                    missing.append(name)
        return plan.Facts(
            now=self._clock.now(),
            trigger=trigger,
            faults="; ".join(str(one) for one in faults),
            rival=plan.rival_of(config, list(others)),
            missing=tuple(missing),
        )

    async def _open(
        self, one: _One, facts: plan.Facts, weights: plan.Weights, said: str, reason: str
    ) -> loops.Result:
        """Begin a window; what was counted until now is not of it."""
        config = one.config
        routers: list[canaryconfig_types.RouterCount] = []
        if weights.percent > 0:
            try:
                routers = await self._source.begin(_subject(config, facts))
            except sources.Unavailable as error:
                return await self._no_metrics(one, facts, error)
        now = self._clock.now()
        assert facts.trigger is not None, "it has weights"
        config.status.move = None
        config.status.window = canaryconfig_types.CanaryWindow(
            generation=config.metadata.generation,
            trigger_uid=facts.trigger.metadata.uid,
            new_weight=weights.new,
            old_weight=weights.old,
            since=clocks.format_rfc3339_micro(now),
            routers=routers,
        )
        message = f"{config.spec.new_function} gets {weights.percent} % of the traffic"
        text = f"{message}: {said}" if said else message
        canaryconfig_lifecycle.mark_progressing(config, text, now, reason)
        await self._write(one)
        seconds = canaryconfig_defaults.interval_seconds(config.spec)
        return loops.Result(requeue_after_seconds=seconds)

    async def _judge(self, one: _One, facts: plan.Facts, seconds: float) -> loops.Result | None:
        config = one.config
        window = config.status.window
        assert window is not None, "it is over"
        weights = plan.Weights(window.new_weight, window.old_weight)
        counted = plan.Counted(0, 0)
        if weights.percent > 0:
            try:
                counted = await self._source.end(_subject(config, facts), window, seconds)
            except sources.Unavailable as error:
                return await self._no_metrics(one, facts, error)
        match plan.judge(config, window, counted):
            case plan.Again(message=message):
                return await self._open(one, facts, weights, message, plan.NO_TRAFFIC)
            case plan.Succeed(message=message):
                canaryconfig_lifecycle.mark_succeeded(config, facts.now, message)
                await self._end(one, events.NORMAL, "Succeeded", message)
                return None
            case plan.Move(move=move):
                config.status.move = move
                await self._write(one)
                return loops.Result(requeue_after_seconds=0.0)

    async def _no_metrics(
        self, one: _One, facts: plan.Facts, error: sources.Unavailable
    ) -> loops.Result:
        """The window goes on until the counts can be had."""
        canaryconfig_lifecycle.mark_progressing(
            one.config, error.message, facts.now, plan.NO_METRICS
        )
        await self._write(one)
        seconds = canaryconfig_defaults.interval_seconds(one.config.spec)
        return loops.Result(requeue_after_seconds=min(seconds, plan.LOOK_SECONDS))

    async def _move(
        self, config: canaryconfig_types.CanaryConfig, facts: plan.Facts, weights: plan.Weights
    ) -> None:
        """Give the trigger other weights, unless somebody changed it since it was looked at."""
        assert facts.trigger is not None, "it has weights"
        metadata = facts.trigger.metadata
        patch = {
            "metadata": {"resourceVersion": metadata.resource_version},
            "spec": {
                "functionref": {
                    "functionweights": {
                        config.spec.new_function: weights.new,
                        config.spec.old_function: weights.old,
                    }
                }
            },
        }
        await self._client.patch(resources.HTTPTRIGGERS, metadata.name, patch, metadata.namespace)

    async def _settle(
        self, one: _One, facts: plan.Facts, move: canaryconfig_types.CanaryMove
    ) -> loops.Result | None:
        if move.is_rollback:
            canaryconfig_lifecycle.mark_failed(one.config, move.message, facts.now)
            await self._end(one, events.WARNING, "RolledBack", move.message)
            return None
        weights = plan.Weights(move.new_weight, move.old_weight)
        result = await self._open(one, facts, weights, move.message, "Progressing")
        if one.config.status.move is None:
            share = f"{one.config.spec.new_function} gets {weights.percent} %"
            self._recorder.event(
                one.raw, events.NORMAL, STEPPED, f"{share} of the traffic: {move.message}"
            )
        return result

    async def _end(self, one: _One, sort: str, reason: str, message: str) -> None:
        await self._write(one)
        self._recorder.event(one.raw, sort, reason, message)
        logger.info("canary ended: %s", reason, extra={"canary": one.key, "why": message})
        for other in self._canaries.lister.list(one.config.metadata.namespace):
            if other.spec.trigger == one.config.spec.trigger:
                self.queue.add(f"{other.metadata.namespace}/{other.metadata.name}")

    async def _write(self, one: _One) -> None:
        """Write the status, if it says anything else than before."""
        before = objects.decode(canaryconfig_types.CanaryConfig, codec.deep_copy(one.raw))
        changed = objects.overlay(one.raw, before, one.config)
        if changed != one.raw:
            await self._client.replace_status(resources.CANARYCONFIGS, changed)

    async def _find(
        self, resource: gvk.Resource, kind: type[K], name: str, namespace: str
    ) -> K | None:
        try:
            found = await self._client.get(resource, name, namespace) if name else None
        except status.NotFound:
            return None
        return objects.decode(kind, found) if found is not None else None

    async def _exists(self, name: str, namespace: str) -> bool:
        try:
            await self._client.get(resources.FUNCTIONS, name, namespace)
        except status.NotFound:
            return False
        return True

    def _on_canary(
        self,
        old: canaryconfig_types.CanaryConfig | None,
        new: canaryconfig_types.CanaryConfig | None,
    ) -> None:
        one = new or old
        if one is not None and not canaryconfig_lifecycle.has_ended(one):
            self.queue.add(f"{one.metadata.namespace}/{one.metadata.name}")


class _One:
    """A canary as it was read, and as it becomes."""

    def __init__(self, raw: Obj, config: canaryconfig_types.CanaryConfig) -> None:
        self.raw = raw
        self.config = config
        self.key = f"{objectmeta.namespace_of(raw)}/{objectmeta.name_of(raw)}"


def _subject(config: canaryconfig_types.CanaryConfig, facts: plan.Facts) -> counts.Subject:
    """The calls that count: of the new function, through this trigger."""
    assert facts.trigger is not None, "it has weights"
    spec = facts.trigger.spec
    methods = set(httptrigger_defaults.methods(spec))
    if "GET" in methods:
        methods.add("HEAD")
    return counts.Subject(
        config.metadata.namespace,
        config.spec.new_function,
        httptrigger_defaults.path(spec),
        frozenset(methods),
    )
