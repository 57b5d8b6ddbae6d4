"""The writes that give a function exactly the objects that it should have. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fission.api import labels
from fission.executor.workload import objects
from fission.kube import actions
from fission.meta import gvk, objectmeta
from fission.meta import labels as meta_labels

Obj = dict[str, Any]
Existing = Mapping[gvk.Resource, Iterable[Obj]]
"""All objects that carry a function's name and an executor type, whatever function that was."""


def plan_absence(existing: Existing) -> list[actions.Action]:
    """Take everything away; the Deployment first, so that nothing scales what goes."""
    order = (gvk.DEPLOYMENTS, gvk.HORIZONTALPODAUTOSCALERS, gvk.SERVICES)
    return [
        actions.delete_of(resource, one, propagation="Background")
        for resource in order
        for one in existing.get(resource, ())
        if not objectmeta.is_deleting(one)
    ]


def plan_presence(
    existing: Existing, desired: objects.Objects, replicas: int
) -> list[actions.Action]:
    """Create what is missing, update what was made from something else, delete the rest."""
    planned: list[actions.Action] = []
    wanted: list[actions.Action] = []
    for resource, obj in desired.each():
        if resource is gvk.DEPLOYMENTS:
            obj = {**obj, "spec": {**obj["spec"], "replicas": replicas}}
        known = None
        for one in existing.get(resource, ()):
            if _is_same(one, obj) and known is None:
                known = one
            elif not objectmeta.is_deleting(one):
                planned.append(actions.delete_of(resource, one, propagation="Background"))
        if known is None:
            wanted.append(actions.Create(resource, obj))
        elif not objectmeta.is_deleting(known):
            wanted += _plan_update(resource, known, obj)
    return planned + wanted


def current_replicas(existing: Existing, desired_name: str) -> int | None:
    """The replicas that the function's Deployment declares; None without one."""
    for one in existing.get(gvk.DEPLOYMENTS, ()):
        if objectmeta.name_of(one) == desired_name and not objectmeta.is_deleting(one):
            return int(one["spec"].get("replicas", 1))
    return None


def _is_same(existing: Obj, desired: Obj) -> bool:
    """Whether the one can become the other: a Deployment's selector is for life."""
    if objectmeta.name_of(existing) != objectmeta.name_of(desired):
        return False
    if objectmeta.namespace_of(existing) != objectmeta.namespace_of(desired):
        return False
    selector = (existing.get("spec") or {}).get("selector") or {}
    chosen = selector.get("matchLabels")
    if chosen is None:
        return True
    found = desired["spec"]["template"]["metadata"]["labels"]
    return all(found.get(name) == value for name, value in chosen.items())


def _plan_update(resource: gvk.Resource, existing: Obj, desired: Obj) -> list[actions.Action]:
    mine = meta_labels.annotations_of(existing)
    wanted = desired["metadata"]["annotations"]
    if mine.get(objects.SPEC_HASH) != wanted[objects.SPEC_HASH]:
        return [actions.Update(resource, _updated(existing, desired))]
    patch: Obj = {}
    if mine.get(labels.EXECUTOR_INSTANCE_ID) != wanted[labels.EXECUTOR_INSTANCE_ID]:
        instance_id = wanted[labels.EXECUTOR_INSTANCE_ID]
        patch["metadata"] = {"annotations": {labels.EXECUTOR_INSTANCE_ID: instance_id}}
    replicas = desired["spec"].get("replicas")
    if resource is gvk.DEPLOYMENTS and existing["spec"].get("replicas", 1) != replicas:
        # With the version that was looked at: the autoscaler writes here too.
        version = existing["metadata"]["resourceVersion"]
        patch.setdefault("metadata", {})["resourceVersion"] = version
        patch["spec"] = {"replicas": replicas}
    if not patch:
        return []
    namespace, name = objectmeta.namespace_of(existing), objectmeta.name_of(existing)
    return [actions.Patch(resource, namespace, name, patch)]


def _updated(existing: Obj, desired: Obj) -> Obj:
    """The desired object under the existing one's identity, foreign annotations kept."""
    metadata = {
        **desired["metadata"],
        "uid": existing["metadata"]["uid"],
        "resourceVersion": existing["metadata"]["resourceVersion"],
        "annotations": {
            **meta_labels.annotations_of(existing),
            **desired["metadata"]["annotations"],
        },
    }
    spec = dict(desired["spec"])
    found = existing.get("spec") or {}
    if isinstance(found.get("selector"), dict) and "matchLabels" in found["selector"]:
        spec["selector"] = found["selector"]
    for given in ("clusterIP", "clusterIPs"):
        if found.get(given):
            spec[given] = found[given]
    return {**desired, "metadata": metadata, "spec": spec}
