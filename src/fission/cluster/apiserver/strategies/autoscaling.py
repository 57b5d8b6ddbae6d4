"""HorizontalPodAutoscalers: stored and validated; their reconciler acts on them."""

from __future__ import annotations

from fission.cluster.apiserver.strategies import base
from fission.meta import status


class HorizontalPodAutoscalers(base.Strategy):
    has_status = True

    def default(self, obj: base.Object) -> None:
        spec = base.child(obj, "spec")
        spec.setdefault("minReplicas", 1)
        if not spec.get("metrics"):
            target = {"type": "Utilization", "averageUtilization": 80}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
        if "status" not in obj:
            obj["status"] = {"desiredReplicas": 0, "currentMetrics": None}

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        spec = obj["spec"]
        causes: base.Causes = []
        reference = spec.get("scaleTargetRef") or {}
        for field in ("kind", "name"):
            if not reference.get(field):
                causes.append(status.required(f"spec.scaleTargetRef.{field}"))
        low, high = spec["minReplicas"], spec.get("maxReplicas") or 0
        if low < 1:
            causes.append(
                status.invalid_value("spec.minReplicas", low, "must be greater than or equal to 1")
            )
        if high < 1:
            causes.append(status.invalid_value("spec.maxReplicas", high, "must be greater than 0"))
        if high < low:
            causes.append(
                status.invalid_value(
                    "spec.maxReplicas",
                    high,
                    "must be greater than or equal to `minReplicas`",
                )
            )
        return causes
