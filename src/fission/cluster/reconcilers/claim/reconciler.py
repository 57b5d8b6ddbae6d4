"""Binds PersistentVolumeClaims: each is a directory of this machine, bound at once.

A claim of a storage class other than ``standard`` (or none) stays pending, with an Event that says
why.
"""

from __future__ import annotations

from typing import Any

from fission.base import clock as clocks
from fission.cluster.reconcilers import informers as informers_module
from fission.kube import actions, apply, client, events, lister, workqueue
from fission.kube import reconcile as reconciling
from fission.meta import gvk, objectmeta

Obj = dict[str, Any]

STORAGE_CLASSES = ("", "standard")


class ClaimReconciler:
    """Reconciles one claim by key."""

    def __init__(
        self,
        kube: client.Client,
        informers: informers_module.Informers,
        recorder: events.Recorder,
        clock: clocks.Clock,
    ) -> None:
        self._kube = kube
        self._recorder = recorder
        self._claims = informers.get(gvk.PERSISTENTVOLUMECLAIMS)
        self.queue: workqueue.WorkQueue[lister.Key] = workqueue.WorkQueue(clock)
        self._claims.add_handler(self._claim_changed)

    async def run(self) -> None:
        await reconciling.run(self.queue, self.reconcile, name="claim")

    async def reconcile(self, key: lister.Key) -> reconciling.Result:
        claim = self._claims.lister.get(*key)
        if claim is None or objectmeta.is_deleting(claim):
            return reconciling.DONE
        refusal = refusal_of(claim)
        if refusal is not None:
            self._recorder.event(claim, events.WARNING, "ProvisioningFailed", refusal)
            return reconciling.DONE
        return await apply.apply(self._kube, plan(claim))

    def _claim_changed(self, old: Obj | None, new: Obj | None) -> None:
        if new is not None:
            self.queue.add(lister.key_of(new))


def refusal_of(claim: Obj) -> str | None:
    """Why a claim cannot be met; None when it can."""
    name = str(claim["spec"].get("storageClassName") or "")
    if name in STORAGE_CLASSES:
        return None
    return (
        f'storageclass.storage.k8s.io "{name}" not found: this cluster has directories only '
        '(storage class "standard")'
    )


def plan(claim: Obj) -> list[actions.Action]:
    """Mark a claim as bound with what it asked for."""
    if (claim.get("status") or {}).get("phase") == "Bound":
        return []
    spec = claim["spec"]
    status = {
        "phase": "Bound",
        "accessModes": list(spec.get("accessModes") or ["ReadWriteOnce"]),
        "capacity": dict((spec.get("resources") or {}).get("requests") or {}),
    }
    return [actions.UpdateStatus(gvk.PERSISTENTVOLUMECLAIMS, {**claim, "status": status})]
