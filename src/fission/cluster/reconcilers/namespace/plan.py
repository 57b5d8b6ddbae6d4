"""What a namespace gets from the start, and how its end is told in conditions. Pure."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fission.kube import actions
from fission.meta import codec, conditions, gvk, objectmeta

Obj = dict[str, Any]

FINALIZER = "kubernetes"
ROOT_CA = "kube-root-ca.crt"
DEFAULT_ACCOUNT = "default"
ROOT_CA_DESCRIPTION = (
    "The CA that signs the API server's certificate, for clients inside the cluster."
)


@dataclass(frozen=True, slots=True)
class Content:
    """What is left in a namespace that is being deleted."""

    by_resource: Mapping[str, int] = field(default_factory=dict)
    by_finalizer: Mapping[str, int] = field(default_factory=dict)
    failures: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.by_resource and not self.failures


def plan_furniture(
    namespace: str, has_account: bool, root_ca: Obj | None, ca_pem: str | None
) -> list[actions.Action]:
    """The default ServiceAccount and the ConfigMap with the CA."""
    found: list[actions.Action] = []
    if not has_account:
        account = {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": DEFAULT_ACCOUNT, "namespace": namespace},
        }
        found.append(actions.Create(gvk.SERVICEACCOUNTS, account))
    if ca_pem is None:
        return found
    data = {"ca.crt": ca_pem}
    if root_ca is None:
        metadata = {
            "name": ROOT_CA,
            "namespace": namespace,
            "annotations": {"kubernetes.io/description": ROOT_CA_DESCRIPTION},
        }
        made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
        found.append(actions.Create(gvk.CONFIGMAPS, made))
    elif root_ca.get("data") != data:
        found.append(actions.Update(gvk.CONFIGMAPS, {**root_ca, "data": data}))
    return found


def with_conditions(namespace: Obj, content: Content, now: datetime.datetime) -> Obj | None:
    """The namespace with its end told; None when it is told already."""
    changed: Obj = codec.deep_copy(namespace)
    status = changed.setdefault("status", {})
    kept: list[Obj] = status.setdefault("conditions", [])
    anew = [
        conditions.set_condition(kept, type_, value, reason, message, now)
        for type_, value, reason, message in _told(content)
    ]
    return changed if any(anew) else None


def finalized(namespace: Obj) -> Obj:
    """The body for the finalize subresource: nothing holds the namespace any more."""
    spec = namespace.get("spec") or {}
    kept = [one for one in spec.get("finalizers") or () if one != FINALIZER]
    return {**namespace, "spec": {**spec, "finalizers": kept}}


def is_held(namespace: Obj) -> bool:
    """Whether its content has still to be deleted."""
    finalizers = (namespace.get("spec") or {}).get("finalizers") or ()
    return objectmeta.is_deleting(namespace) and FINALIZER in finalizers


def _told(content: Content) -> list[tuple[str, str, str, str]]:
    found = [
        (
            "NamespaceDeletionDiscoveryFailure",
            "False",
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
    ]
    failure, remaining = "NamespaceDeletionContentFailure", "NamespaceContentRemaining"
    finalizers = "NamespaceFinalizersRemaining"
    if content.failures:
        message = f"Failed to delete all resource types, {len(content.failures)} remaining: "
        message += ", ".join(content.failures)
        found.append((failure, "True", "ContentDeletionFailed", message))
    else:
        message = "All content successfully deleted, may be waiting on finalization"
        found.append((failure, "False", "ContentDeleted", message))
    if content.by_resource:
        listed = ", ".join(
            f"{name} has {count} resource instances"
            for name, count in sorted(content.by_resource.items())
        )
        message = f"Some resources are remaining: {listed}"
        found.append((remaining, "True", "SomeResourcesRemain", message))
    else:
        message = "All content successfully removed"
        found.append((remaining, "False", "ContentRemoved", message))
    if content.by_finalizer:
        listed = ", ".join(
            f"{name} in {count} resource instances"
            for name, count in sorted(content.by_finalizer.items())
        )
        message = f"Some content in the namespace has finalizers remaining: {listed}"
        found.append((finalizers, "True", "SomeFinalizersRemain", message))
    else:
        message = "All content-preserving finalizers finished"
        found.append((finalizers, "False", "ContentHasNoFinalizers", message))
    return found
