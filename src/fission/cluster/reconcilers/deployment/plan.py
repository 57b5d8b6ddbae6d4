"""What a Deployment needs next. Pure: objects in, exactly the actions out.

One plan takes one step and leaves the rest to the watch events that the step causes:

1. claim: adopt orphans that match, release ReplicaSets that no longer do;
2. size: paused, or the declared replicas changed → share the change out among ReplicaSets;
3. new ReplicaSet: create it, or refresh its revision;
4. roll out: ``RollingUpdate`` grows the new within maxSurge, then shrinks the old within
   maxUnavailable, unhealthy pods first; ``Recreate`` empties the old, waits, then fills the new;
5. clean up ReplicaSets beyond the history limit once the rollout is complete.

The status is written with every step; the revision annotation goes with it, by the status
subresource, so that it does not count as a change of the Deployment.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fission.cluster.reconcilers import ownership, podfacts
from fission.cluster.reconcilers.deployment import revisions, rollout
from fission.cluster.reconcilers.deployment import status as statuses
from fission.kube import actions as act
from fission.meta import conditions as meta_conditions
from fission.meta import gvk, labels, objectmeta

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Observed:
    """What is around a Deployment."""

    replicasets: Sequence[Obj]
    """Its own, and the orphans of its namespace."""
    pods: Sequence[Obj] = ()
    """The pods of its ReplicaSets; ``Recreate`` waits for the old ones to go."""
    namesake: Obj | None = None
    """Whatever ReplicaSet has the name that the new one will get."""


@dataclass(slots=True)
class Plan:
    """Writes in order, what to tell, and when to look again though nothing happens."""

    actions: list[act.Action] = field(default_factory=list)
    events: list[tuple[str, str, str]] = field(default_factory=list)
    look_again_seconds: float | None = None

    @property
    def writes(self) -> list[act.Action]:
        """Everything but the status."""
        return [one for one in self.actions if not isinstance(one, act.UpdateStatus)]

    @property
    def status_writes(self) -> list[act.Action]:
        """The status, written last."""
        return [one for one in self.actions if isinstance(one, act.UpdateStatus)]


def plan(deployment: Obj, observed: Observed, now: datetime.datetime) -> Plan:
    """Decide the next step."""
    selector = ownership.selector_of(deployment)
    claims = ownership.sort_claims(deployment, observed.replicasets, selector)
    result = Plan()
    for orphan in claims.adopted:
        result.actions.append(ownership.adopt(gvk.REPLICASETS, deployment, orphan))
    for stray in claims.released:
        result.actions.append(ownership.release(gvk.REPLICASETS, deployment, stray))
    new, old = revisions.split(deployment, [*claims.owned, *claims.adopted])
    step = _Step(deployment, new, old, observed, now, result)
    if result.actions:
        return result  # the rest when the claims are to be seen
    if objectmeta.is_deleting(deployment):
        step.write_status(progress=False)
    elif deployment["spec"].get("paused") or step.was_resized():
        step.resize()
    else:
        step.roll_out()
    return result


@dataclass(slots=True)
class _Step:
    """One plan in the making."""

    deployment: Obj
    new: Obj | None
    old: list[Obj]
    observed: Observed
    now: datetime.datetime
    plan: Plan
    bounds: rollout.Bounds = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.bounds = rollout.bounds_of(self.deployment)

    @property
    def all(self) -> list[Obj]:
        return [*self.old, self.new] if self.new is not None else list(self.old)

    def was_resized(self) -> bool:
        """Whether a ReplicaSet in use remembers another size of the Deployment."""
        remembered = {
            labels.annotations_of(one).get(revisions.DESIRED_REPLICAS)
            for one in self.all
            if rollout.replicas_of(one) > 0
        }
        return bool(remembered - {None, str(self.bounds.replicas)})

    # --- the size changed, or the Deployment is paused ----------------------------------------

    def resize(self) -> None:
        """Bring all ReplicaSets to the declared size without rolling out."""
        if not self._refresh_new(create=False):
            self._share_out()
        self.write_status(progress=False)

    def _share_out(self) -> None:
        active = [one for one in self.all if rollout.replicas_of(one) > 0]
        if len(active) <= 1:
            only = active[0] if active else (self.new or (self.old[-1] if self.old else None))
            if only is not None:
                self._scale(only, self.bounds.replicas)
            return
        if self.new is not None and self._is_saturated(self.new):
            for one in self.old:
                self._scale(one, 0)
            return
        if rollout.is_rolling(self.deployment):
            self._share_proportionally(active)

    def _share_proportionally(self, active: list[Obj]) -> None:
        """Scale each as the whole is scaled; the largest takes what rounding leaves."""
        allowed = self.bounds.most if self.bounds.replicas > 0 else 0
        left = allowed - sum(rollout.replicas_of(one) for one in active)
        growing = left > 0
        by_size = sorted(active, key=rollout.replicas_of, reverse=True)
        if growing:  # newest first among equals when growing, oldest first when shrinking
            by_size = sorted(reversed(by_size), key=rollout.replicas_of, reverse=True)
        sizes: list[int] = []
        for one in by_size:
            size = rollout.replicas_of(one)
            remembered = labels.annotations_of(one).get(revisions.MAX_REPLICAS, "")
            before = int(remembered) if remembered.isdecimal() else allowed
            share = rollout.proportion(size, before, allowed, left) if left else 0
            sizes.append(size + share)
            left -= share
        if sizes and left:
            sizes[0] = max(0, sizes[0] + left)
        for one, size in zip(by_size, sizes, strict=True):
            self._scale(one, size)

    def _is_saturated(self, replicaset: Obj) -> bool:
        remembered = labels.annotations_of(replicaset).get(revisions.DESIRED_REPLICAS)
        available = int((replicaset.get("status") or {}).get("availableReplicas") or 0)
        size = rollout.replicas_of(replicaset)
        return size == available == self.bounds.replicas and remembered == str(size)

    # --- rolling out ---------------------------------------------------------------------------

    def roll_out(self) -> None:
        if rollout.is_rolling(self.deployment):
            done = (
                self._refresh_new(create=True)
                or self._grow_new()
                or self._shrink_unhealthy_and_old()
            )
        else:
            done = (
                self._empty_old()
                or self._old_pods_run()
                or self._refresh_new(create=True)
                or self._grow_new()
            )
        status = self.write_status(progress=True)
        if not done and statuses.is_complete(self.deployment, status):
            for superfluous in revisions.superfluous(self.deployment, self.old):
                self.plan.actions.append(act.delete_of(gvk.REPLICASETS, superfluous))

    def _refresh_new(self, *, create: bool) -> bool:
        """See that the new ReplicaSet exists and carries its revision."""
        revision = revisions.next_revision(self.old)
        if self.new is not None:
            changed = revisions.refreshed(self.deployment, self.new, revision)
            if changed is not None:
                self.plan.actions.append(act.Update(gvk.REPLICASETS, changed))
            return changed is not None
        if not create or self._collides():
            return create
        size = rollout.new_replicas(
            self.bounds,
            0,
            sum(rollout.replicas_of(one) for one in self.old),
            rolling=rollout.is_rolling(self.deployment),
        )
        made = revisions.make_replicaset(self.deployment, size, revision)
        self.plan.actions.append(act.Create(gvk.REPLICASETS, made))
        if size:
            self._tell_scaled("up", objectmeta.name_of(made), 0, size)
        return True

    def _collides(self) -> bool:
        """Whether a stranger has the new ReplicaSet's name; then the hash changes."""
        namesake = self.observed.namesake
        if namesake is None:
            return False
        controller = objectmeta.controller_of(namesake)
        own = (controller or {}).get("uid") == objectmeta.uid_of(self.deployment)
        return not own or revisions.split(self.deployment, [namesake])[0] is None

    def _grow_new(self) -> bool:
        new = self.new
        assert new is not None
        size = rollout.replicas_of(new)
        if size > self.bounds.replicas:
            return self._scale(new, self.bounds.replicas)
        total = sum(rollout.replicas_of(one) for one in self.all)
        rolling = rollout.is_rolling(self.deployment)
        return self._scale(new, rollout.new_replicas(self.bounds, size, total, rolling=rolling))

    def _shrink_unhealthy_and_old(self) -> bool:
        new = self.new
        assert new is not None
        sizes = {objectmeta.name_of(one): rollout.replicas_of(one) for one in self.old}
        if not sum(sizes.values()):
            return False
        total = sum(sizes.values()) + rollout.replicas_of(new)
        surplus = rollout.old_surplus(self.bounds, total, rollout.replicas_of(new), _available(new))
        if surplus <= 0:
            return False
        for one in self.old:  # pods that serve nobody may go first
            name = objectmeta.name_of(one)
            take = min(surplus, max(0, sizes[name] - _available(one)))
            sizes[name] -= take
            surplus -= take
        available = sum(_available(one) for one in self.all)
        spare = max(0, available - self.bounds.least_available)
        for one in self.old:
            name = objectmeta.name_of(one)
            take = min(spare, sizes[name])
            sizes[name] -= take
            spare -= take
        return any([self._scale(one, sizes[objectmeta.name_of(one)]) for one in self.old])

    def _empty_old(self) -> bool:
        return any([self._scale(one, 0) for one in self.old if rollout.replicas_of(one) > 0])

    def _old_pods_run(self) -> bool:
        old = {objectmeta.uid_of(one) for one in self.old}
        for pod in self.observed.pods:
            controller = objectmeta.controller_of(pod)
            if controller and controller.get("uid") in old and not podfacts.has_ended(pod):
                return True
        return False

    # --- writes --------------------------------------------------------------------------------

    def _scale(self, replicaset: Obj, size: int) -> bool:
        """Write a ReplicaSet's size; tells whether that was a change."""
        changed = revisions.scaled(self.deployment, replicaset, size)
        if changed is None:
            return False
        self.plan.actions.append(act.Update(gvk.REPLICASETS, changed))
        before = rollout.replicas_of(replicaset)
        if before != size:
            direction = "up" if size > before else "down"
            self._tell_scaled(direction, objectmeta.name_of(replicaset), before, size)
        return before != size

    def _tell_scaled(self, direction: str, name: str, before: int, size: int) -> None:
        message = f"Scaled {direction} replica set {name} from {before} to {size}"
        self.plan.events.append(("Normal", "ScalingReplicaSet", message))

    def write_status(self, *, progress: bool) -> Obj:
        """Plan the write of status and revision, when they differ from what is there."""
        deployment = self.deployment
        status = statuses.make_status(deployment, self.all, self.new, self.now)
        conditions = status["conditions"]
        created = next((one for one in self.plan.actions if isinstance(one, act.Create)), None)
        revision = revisions.revision_of(deployment)
        if created is not None:
            name = objectmeta.name_of(dict(created.obj))
            message = f'Created new replica set "{name}"'
            statuses.put(
                conditions, statuses.PROGRESSING, "True", "NewReplicaSetCreated", message, self.now
            )
            revision = revisions.revision_of(created.obj)
        elif self.new is not None:
            revision = max(revisions.next_revision(self.old), revisions.revision_of(self.new))
            if not meta_conditions.get(conditions, statuses.PROGRESSING):
                message = f'Found new replica set "{objectmeta.name_of(self.new)}"'
                statuses.put(
                    conditions,
                    statuses.PROGRESSING,
                    "True",
                    "FoundNewReplicaSet",
                    message,
                    self.now,
                )
        statuses.mark_paused(conditions, bool(deployment["spec"].get("paused")), self.now)
        if progress:
            self.plan.look_again_seconds = statuses.add_progress(
                deployment, status, self.all, self.new, self.now
            )
        if progress and created is None and self.new is None and self._collides():
            status["collisionCount"] = int(status.get("collisionCount") or 0) + 1
        annotations = dict(labels.annotations_of(deployment))
        if revision:
            annotations[revisions.REVISION] = str(revision)
        if status != (deployment.get("status") or {}) or annotations != labels.annotations_of(
            deployment
        ):
            metadata = {**deployment["metadata"], "annotations": annotations}
            written = {**deployment, "metadata": metadata, "status": status}
            self.plan.actions.append(act.UpdateStatus(gvk.DEPLOYMENTS, written))
        return status


def _available(replicaset: Obj) -> int:
    return int((replicaset.get("status") or {}).get("availableReplicas") or 0)
