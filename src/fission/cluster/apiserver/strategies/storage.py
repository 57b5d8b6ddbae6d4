"""PersistentVolumes and their claims."""

from __future__ import annotations

from fission.cluster.apiserver.strategies import base
from fission.meta import status

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")


def _access_causes(spec: base.Object) -> base.Causes:
    modes = spec.get("accessModes") or []
    if not modes:
        return [status.required("spec.accessModes", "at least 1 access mode is required")]
    return [
        status.not_supported(f"spec.accessModes[{position}]", mode, ACCESS_MODES)
        for position, mode in enumerate(modes)
        if mode not in ACCESS_MODES
    ]


class PersistentVolumeClaims(base.Strategy):
    has_status = True
    delete_returns_object = True

    def prepare_create(self, obj: base.Object, around: base.Surroundings) -> None:
        obj["status"] = {"phase": "Pending"}
        self.default(obj)

    def default(self, obj: base.Object) -> None:
        base.setdefaults(base.child(obj, "spec"), {"volumeMode": "Filesystem"})

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        causes = _access_causes(obj["spec"])
        requests = (obj["spec"].get("resources") or {}).get("requests") or {}
        if "storage" not in requests:
            causes.append(status.required("spec.resources[storage]"))
        return causes

    def validate_update(
        self, obj: base.Object, old: base.Object, around: base.Surroundings
    ) -> base.Causes:
        changed = [
            field
            for field in ("accessModes", "selector", "storageClassName", "volumeMode")
            if obj["spec"].get(field) != old["spec"].get(field)
        ]
        bound = old["spec"].get("volumeName")
        if bound and obj["spec"].get("volumeName") != bound:
            changed.append("volumeName")
        if not changed:
            return []
        return [
            status.forbidden_field(
                "spec",
                "spec is immutable after creation except resources.requests and "
                "volumeAttributesClassName for bound claims",
            )
        ]


class PersistentVolumes(base.Strategy):
    has_status = True
    delete_returns_object = True

    def prepare_create(self, obj: base.Object, around: base.Surroundings) -> None:
        obj["status"] = {"phase": "Pending"}
        self.default(obj)

    def default(self, obj: base.Object) -> None:
        base.setdefaults(
            base.child(obj, "spec"),
            {"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"},
        )

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        causes = _access_causes(obj["spec"])
        if not obj["spec"].get("capacity"):
            causes.append(status.required("spec.capacity"))
        return causes
