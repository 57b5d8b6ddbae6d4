"""Who controls an object: adopting matching orphans and releasing what no longer matches. Pure.

Both are strategic patches that name the object's uid, so that a namesake is never touched, and that
leave owner references of others alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fission.kube import actions
from fission.meta import gvk, labels, objectmeta, selectors

Obj = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Claims:
    """The dependents of an owner, sorted by what is to be done with them."""

    owned: tuple[Obj, ...]
    """Controlled by the owner and matching: its own."""
    adopted: tuple[Obj, ...]
    """Matching and controlled by nobody."""
    released: tuple[Obj, ...]
    """Controlled by the owner but no longer matching."""


def sort_claims(owner: Obj, candidates: Iterable[Obj], selector: selectors.LabelSelector) -> Claims:
    """Sort candidates; an owner that is being deleted neither adopts nor releases."""
    uid = objectmeta.uid_of(owner)
    deleting = objectmeta.is_deleting(owner)
    owned: list[Obj] = []
    adopted: list[Obj] = []
    released: list[Obj] = []
    for candidate in candidates:
        controller = objectmeta.controller_of(candidate)
        matches = selector.matches(labels.of(candidate))
        if controller is not None:
            if controller.get("uid") != uid:
                continue
            if matches or deleting:
                owned.append(candidate)
            else:
                released.append(candidate)
        elif matches and not deleting and not objectmeta.is_deleting(candidate):
            adopted.append(candidate)
    return Claims(tuple(owned), tuple(adopted), tuple(released))


def adopt(resource: gvk.Resource, owner: Obj, obj: Obj) -> actions.Patch:
    """Make ``owner`` the controller of an orphan."""
    reference = objectmeta.make_owner_reference(owner)
    return _patch(resource, obj, [reference])


def release(resource: gvk.Resource, owner: Obj, obj: Obj) -> actions.Patch:
    """Take ``owner`` out of the owner references of an object."""
    return _patch(resource, obj, [{"$patch": "delete", "uid": objectmeta.uid_of(owner)}])


def selector_of(owner: Mapping[str, Any]) -> selectors.LabelSelector:
    """The selector of a workload."""
    return selectors.LabelSelector.from_dict((owner.get("spec") or {}).get("selector") or {})


def _patch(resource: gvk.Resource, obj: Obj, references: list[Obj]) -> actions.Patch:
    metadata = {"uid": objectmeta.uid_of(obj), "ownerReferences": references}
    return actions.Patch(
        resource,
        objectmeta.namespace_of(obj) or None,
        objectmeta.name_of(obj),
        {"metadata": metadata},
        kind="strategic",
    )
