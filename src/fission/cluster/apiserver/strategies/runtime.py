"""What describes running processes: EndpointSlices, Endpoints, Leases, Events."""

from __future__ import annotations

from collections.abc import Mapping

from fission.cluster.apiserver.strategies import base
from fission.meta import names, status


class EndpointSlices(base.Strategy):
    durable = False
    has_generation = True
    creates_on_update = True

    def default(self, obj: base.Object) -> None:
        obj.setdefault("endpoints", None)
        for port in obj.get("ports") or ():
            base.setdefaults(port, {"protocol": "TCP"})
            port.setdefault("name", "")
        obj.setdefault("ports", None)

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        kind = obj.get("addressType")
        if not kind:
            return [status.required("addressType")]
        if kind not in ("FQDN", "IPv4", "IPv6"):
            return [status.not_supported("addressType", kind, ["FQDN", "IPv4", "IPv6"])]
        return []

    def validate_update(
        self, obj: base.Object, old: base.Object, around: base.Surroundings
    ) -> base.Causes:
        return base.immutable("addressType", obj.get("addressType"), old.get("addressType"))

    def generation_changed(self, obj: base.Object, old: base.Object) -> bool:
        return any(
            obj.get(field) != old.get(field) for field in ("endpoints", "ports", "addressType")
        )


class Endpoints(base.Strategy):
    durable = False
    creates_on_update = True

    def default(self, obj: base.Object) -> None:
        for subset in obj.get("subsets") or ():
            for port in subset.get("ports") or ():
                base.setdefaults(port, {"protocol": "TCP"})


class Leases(base.Strategy):
    durable = False
    creates_on_update = True

    def default(self, obj: base.Object) -> None:
        base.child(obj, "spec")

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        seconds = obj["spec"].get("leaseDurationSeconds")
        if seconds is None or seconds > 0:
            return []
        return [
            status.invalid_value("spec.leaseDurationSeconds", seconds, "must be greater than 0")
        ]


class Events(base.Strategy):
    """Stored as core/v1; ``events`` converts for events.k8s.io."""

    terse_field_errors = True
    durable = False
    creates_on_update = True

    def name_problems(self, name: str) -> list[str]:
        return names.subdomain_problems(name)

    def default(self, obj: base.Object) -> None:
        for field in ("involvedObject", "source"):
            base.child(obj, field)
        for field in ("firstTimestamp", "lastTimestamp", "eventTime"):
            obj.setdefault(field, None)
        obj.setdefault("reportingComponent", "")
        obj.setdefault("reportingInstance", "")

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        involved = obj["involvedObject"].get("namespace") or "default"
        if involved != obj["metadata"].get("namespace"):
            return [
                status.invalid_value(
                    "involvedObject.namespace",
                    obj["involvedObject"].get("namespace") or "",
                    "does not match event.namespace",
                )
            ]
        return []

    def selectable_fields(self, obj: base.Object) -> Mapping[str, str]:
        involved, source = obj.get("involvedObject") or {}, obj.get("source") or {}
        found = {
            f"involvedObject.{field}": involved.get(field) or ""
            for field in (
                "kind",
                "namespace",
                "name",
                "uid",
                "apiVersion",
                "resourceVersion",
                "fieldPath",
            )
        }
        found |= {
            field.replace("involvedObject", "regarding"): value for field, value in found.items()
        }
        component = source.get("component") or obj.get("reportingComponent") or ""
        return found | {
            "reason": obj.get("reason") or "",
            "type": obj.get("type") or "",
            "source": component,
            "reportingComponent": obj.get("reportingComponent") or "",
            "reportingController": obj.get("reportingComponent") or "",
        }
