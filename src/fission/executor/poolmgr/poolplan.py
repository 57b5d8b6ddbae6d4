"""What must happen to the Deployments of an environment. Pure."""

from __future__ import annotations

from typing import Any

from fission.api import labels
from fission.executor.poolmgr import resources
from fission.kube import actions
from fission.meta import gvk
from fission.meta import labels as meta_labels

Obj = dict[str, Any]


def plan_pool(
    environment_uid: str | None, existing: list[Obj], desired: Obj | None
) -> list[actions.Action]:
    """The writes that make ``existing`` what is desired.

    ``existing`` are the pools of whatever environments had the name; those of another UID, and all
    but the oldest of ours, go. A pool of size 0 is no pool: ``desired`` is None.
    """
    ours = [
        one
        for one in existing
        if environment_uid and meta_labels.of(one).get(labels.ENVIRONMENT_UID) == environment_uid
    ]
    ours.sort(key=lambda one: (one["metadata"].get("creationTimestamp") or "", _name(one)))
    kept = ours[0] if ours and desired is not None else None
    planned: list[actions.Action] = [
        actions.delete_of(gvk.DEPLOYMENTS, one, propagation="Background")
        for one in existing
        if one is not kept and not one["metadata"].get("deletionTimestamp")
    ]
    if desired is None:
        return planned
    if kept is None:
        return [*planned, actions.Create(gvk.DEPLOYMENTS, desired)]
    if _differs(kept, desired):
        planned.append(actions.Update(gvk.DEPLOYMENTS, _updated(kept, desired)))
    return planned


def plan_adoption(deployment: Obj, instance_id: str) -> list[actions.Action]:
    """Write our id on a pool that another executor, or this one's last life, made."""
    if meta_labels.annotations_of(deployment).get(labels.EXECUTOR_INSTANCE_ID) == instance_id:
        return []
    metadata = deployment["metadata"]
    patch = {"metadata": {"annotations": {labels.EXECUTOR_INSTANCE_ID: instance_id}}}
    return [actions.Patch(gvk.DEPLOYMENTS, metadata.get("namespace"), metadata["name"], patch)]


def _differs(existing: Obj, desired: Obj) -> bool:
    mine = meta_labels.annotations_of(existing).get(resources.SPEC_HASH)
    wanted = meta_labels.annotations_of(desired).get(resources.SPEC_HASH)
    return mine != wanted or existing["spec"].get("replicas") != desired["spec"]["replicas"]


def _updated(existing: Obj, desired: Obj) -> Obj:
    """The same Deployment, its name and selector kept, with the pods that are wanted."""
    metadata = existing["metadata"]
    return {
        **existing,
        "metadata": {
            **metadata,
            "labels": {**meta_labels.of(existing), **desired["metadata"]["labels"]},
            "annotations": {
                **meta_labels.annotations_of(existing),
                **desired["metadata"]["annotations"],
            },
        },
        "spec": {**desired["spec"], "selector": existing["spec"]["selector"]},
    }


def _name(obj: Obj) -> str:
    return str(obj["metadata"]["name"])
