"""Which ReplicaSet is which revision of a Deployment, and how one is made. Pure.

A ReplicaSet belongs to a pod template: the one whose template equals the Deployment's (without the
hash label) is the new one, all others are old. Its name ends in a hash of the template, so the same
template always leads to the same name; ``collisionCount`` changes it when a stranger has the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from fission.cluster.reconcilers import digests
from fission.cluster.reconcilers.deployment import rollout
from fission.meta import codec, gvk, labels, objectmeta

Obj = dict[str, Any]

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
NOT_COPIED = (
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED_REPLICAS,
    MAX_REPLICAS,
    "deprecated.deployment.rollback.to",
)
"""Annotations of a Deployment that its ReplicaSets do not get."""
HASH_LENGTH = 10


def template_hash(deployment: Obj) -> str:
    """Depends on the template and on the number of collisions so far."""
    collisions = int((deployment.get("status") or {}).get("collisionCount") or 0)
    text = orjson.dumps(_bare_template(deployment), option=orjson.OPT_SORT_KEYS).decode()
    return digests.short(f"{text}/{collisions}" if collisions else text, HASH_LENGTH)


def replicaset_name(deployment: Obj) -> str:
    return f"{objectmeta.name_of(deployment)}-{template_hash(deployment)}"


def split(deployment: Obj, replicasets: Iterable[Obj]) -> tuple[Obj | None, list[Obj]]:
    """The new ReplicaSet (the oldest with the template) and the old ones, oldest first."""
    ordered = sorted(replicasets, key=_age)
    wanted = _bare_template(deployment)
    new = next((one for one in ordered if _bare_template(one) == wanted), None)
    return new, [one for one in ordered if one is not new]


def revision_of(obj: Mapping[str, Any]) -> int:
    """The number in the annotation; 0 when there is none."""
    text = labels.annotations_of(dict(obj)).get(REVISION, "")
    return int(text) if text.isdecimal() else 0


def next_revision(old: Iterable[Obj]) -> int:
    return max((revision_of(one) for one in old), default=0) + 1


def make_replicaset(deployment: Obj, replicas: int, revision: int) -> Obj:
    """The ReplicaSet of the Deployment's template."""
    hash_label = {HASH_LABEL: template_hash(deployment)}
    template = codec.deep_copy(deployment["spec"].get("template") or {})
    metadata = template.setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **hash_label}
    selector = codec.deep_copy(deployment["spec"].get("selector") or {})
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), **hash_label}
    spec: Obj = {"replicas": replicas, "selector": selector, "template": template}
    if deployment["spec"].get("minReadySeconds"):
        spec["minReadySeconds"] = deployment["spec"]["minReadySeconds"]
    return {
        "apiVersion": gvk.REPLICASETS.api_version,
        "kind": gvk.REPLICASETS.kind,
        "metadata": {
            "name": replicaset_name(deployment),
            "namespace": objectmeta.namespace_of(deployment),
            "labels": dict(metadata["labels"]),
            "annotations": {
                **_copied_annotations(deployment),
                **size_annotations(deployment),
                REVISION: str(revision),
            },
            "ownerReferences": [objectmeta.make_owner_reference(deployment)],
        },
        "spec": spec,
    }


def size_annotations(deployment: Obj) -> dict[str, str]:
    """What a ReplicaSet remembers of the Deployment's size, to share out a later change."""
    bounds = rollout.bounds_of(deployment)
    return {DESIRED_REPLICAS: str(bounds.replicas), MAX_REPLICAS: str(bounds.most)}


def refreshed(deployment: Obj, replicaset: Obj, revision: int) -> Obj | None:
    """The new ReplicaSet with annotations as they should be; None when they are.

    One that comes back (a rollback) gets the newest revision and remembers its former ones.
    """
    current = labels.annotations_of(replicaset)
    wanted = {**current, **_copied_annotations(deployment)}
    own = revision_of(replicaset)
    if own < revision:
        wanted[REVISION] = str(revision)
        if own:
            history = [*filter(None, current.get(REVISION_HISTORY, "").split(",")), str(own)]
            wanted[REVISION_HISTORY] = ",".join(history)
    min_ready_seconds = deployment["spec"].get("minReadySeconds") or 0
    if wanted == current and (replicaset["spec"].get("minReadySeconds") or 0) == min_ready_seconds:
        return None
    changed = {**replicaset, "metadata": {**replicaset["metadata"], "annotations": wanted}}
    changed["spec"] = {**replicaset["spec"], "minReadySeconds": min_ready_seconds}
    return changed


def scaled(deployment: Obj, replicaset: Obj, replicas: int) -> Obj | None:
    """A ReplicaSet with another size and the size annotations; None when it has both."""
    annotations = labels.annotations_of(replicaset)
    wanted = {**annotations, **size_annotations(deployment)}
    if rollout.replicas_of(replicaset) == replicas and wanted == annotations:
        return None
    return {
        **replicaset,
        "metadata": {**replicaset["metadata"], "annotations": wanted},
        "spec": {**replicaset["spec"], "replicas": replicas},
    }


def superfluous(deployment: Obj, old: Sequence[Obj]) -> list[Obj]:
    """Old ReplicaSets beyond the history limit: empty, settled, of the lowest revisions."""
    limit = deployment["spec"].get("revisionHistoryLimit")
    if limit is None:
        return []
    kept = [one for one in old if not objectmeta.is_deleting(one)]
    surplus = len(kept) - int(limit)
    if surplus <= 0:
        return []
    by_revision = sorted(kept, key=lambda one: (revision_of(one), _age(one)))
    return [one for one in by_revision[:surplus] if _is_settled(one)]


def _is_settled(replicaset: Obj) -> bool:
    found = replicaset.get("status") or {}
    generation = int(replicaset["metadata"].get("generation") or 0)
    return (
        rollout.replicas_of(replicaset) == 0
        and not found.get("replicas")
        and int(found.get("observedGeneration") or 0) >= generation
    )


def _copied_annotations(deployment: Obj) -> dict[str, str]:
    found = labels.annotations_of(deployment)
    return {key: value for key, value in found.items() if key not in NOT_COPIED}


def _bare_template(workload: Obj) -> Obj:
    """The pod template without the hash label and without empty metadata."""
    template = workload["spec"].get("template") or {}
    metadata = {key: value for key, value in (template.get("metadata") or {}).items() if value}
    found = metadata.pop("labels", {})
    bare = {key: value for key, value in found.items() if key != HASH_LABEL}
    if bare:
        metadata["labels"] = bare
    return {**template, "metadata": metadata}


def _age(replicaset: Obj) -> tuple[str, str]:
    metadata = replicaset["metadata"]
    return str(metadata.get("creationTimestamp") or ""), str(metadata.get("name"))
