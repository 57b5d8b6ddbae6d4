"""Namespaces and Nodes."""

from __future__ import annotations

from collections.abc import Mapping

from fission.cluster.apiserver.strategies import base
from fission.meta import gvk, names, status

PROTECTED = frozenset(("default", "kube-system", "kube-public"))


class Namespaces(base.Strategy):
    terse_field_errors = True
    has_status = True
    delete_returns_object = True
    deletes_collections = False
    states_grace = False

    def name_problems(self, name: str) -> list[str]:
        return names.label_problems(name)

    def prepare_create(self, obj: base.Object, around: base.Surroundings) -> None:
        obj["spec"] = {"finalizers": ["kubernetes"]}
        obj["status"] = {"phase": "Active"}
        self.default(obj)

    def prepare_update(self, obj: base.Object, old: base.Object, around: base.Surroundings) -> None:
        obj["spec"] = old.get("spec") or {}
        self.default(obj)

    def default(self, obj: base.Object) -> None:
        metadata = obj["metadata"]
        if metadata.get("name"):
            base.child(metadata, "labels")["kubernetes.io/metadata.name"] = metadata["name"]

    def selectable_fields(self, obj: base.Object) -> Mapping[str, str]:
        return {"status.phase": (obj.get("status") or {}).get("phase") or ""}

    def check_delete(self, obj: base.Object) -> None:
        name = obj["metadata"]["name"]
        if name in PROTECTED:
            raise status.forbidden(gvk.NAMESPACES, name, "this namespace may not be deleted")

    def is_finished(self, obj: base.Object) -> bool:
        return not (obj.get("spec") or {}).get("finalizers")


class Nodes(base.Strategy):
    terse_field_errors = True
    has_status = True
    durable = False
    status_keeps_metadata = False

    def prepare_create(self, obj: base.Object, around: base.Surroundings) -> None:
        base.child(obj, "spec")
        base.child(obj, "status")

    def selectable_fields(self, obj: base.Object) -> Mapping[str, str]:
        unschedulable = (obj.get("spec") or {}).get("unschedulable")
        return {"spec.unschedulable": "true" if unschedulable else "false"}
