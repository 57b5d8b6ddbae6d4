"""HorizontalPodAutoscalers: defaults and validation; their reconciler acts on them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fission.cluster.apiserver.strategies import base
from fission.meta import names, quantity, status

DEFAULT_CPU_PERCENT = 80
MAX_PERIOD_SECONDS = 1800
MAX_WINDOW_SECONDS = 3600
SELECTIONS = ("Disabled", "Max", "Min")
POLICIES = ("Percent", "Pods")
TARGETS = ("Utilization", "Value", "AverageValue")
SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
"""Type of a metric → the field that says more."""

_UP_POLICIES = (
    {"type": "Pods", "value": 4, "periodSeconds": 15},
    {"type": "Percent", "value": 100, "periodSeconds": 15},
)
_DOWN_POLICIES = ({"type": "Percent", "value": 100, "periodSeconds": 15},)


class HorizontalPodAutoscalers(base.Strategy):
    has_status = True

    def default(self, obj: base.Object) -> None:
        spec = base.child(obj, "spec")
        if spec.get("minReplicas") is None:
            spec["minReplicas"] = 1
        if not spec.get("metrics"):
            target = {"type": "Utilization", "averageUtilization": DEFAULT_CPU_PERCENT}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
        behavior = spec.get("behavior")
        if isinstance(behavior, dict):
            behavior["scaleUp"] = _rules(behavior.get("scaleUp"), _UP_POLICIES, 0)
            behavior["scaleDown"] = _rules(behavior.get("scaleDown"), _DOWN_POLICIES, None)
        if "status" not in obj:
            obj["status"] = {"desiredReplicas": 0, "currentMetrics": None}

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        spec = obj["spec"]
        low, high = spec["minReplicas"], spec.get("maxReplicas") or 0
        causes: base.Causes = []
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
        causes += _reference_causes(spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef")
        for index, metric in enumerate(spec["metrics"]):
            causes += _metric_causes(metric, f"spec.metrics[{index}]")
        for field in ("scaleUp", "scaleDown"):
            rules = (spec.get("behavior") or {}).get(field)
            if rules is not None:
                causes += _rules_causes(rules, f"spec.behavior.{field}")
        return causes


def _rules(
    given: Mapping[str, Any] | None, policies: tuple[Mapping[str, Any], ...], window: int | None
) -> base.Object:
    """Scaling rules with what is absent filled in, as upstream does field by field."""
    rules = dict(given or {})
    if rules.get("stabilizationWindowSeconds") is None and window is not None:
        rules["stabilizationWindowSeconds"] = window
    base.setdefaults(rules, {"selectPolicy": "Max"})
    if rules.get("policies") is None:
        rules["policies"] = [dict(policy) for policy in policies]
    return rules


def _reference_causes(reference: Mapping[str, Any], field: str) -> base.Causes:
    causes: base.Causes = []
    version = reference.get("apiVersion") or ""
    for part in ("kind", "name"):
        value = reference.get(part)
        if not value:
            causes.append(status.required(f"{field}.{part}"))
        else:
            causes += base.problems(f"{field}.{part}", value, names.path_segment_problems(value))
    if "/" not in version and reference.get("kind") not in ("ReplicationController",):
        causes.append(
            status.invalid_value(
                f"{field}.apiVersion", version, "apiVersion must specify API group"
            )
        )
    return causes


def _metric_causes(metric: Mapping[str, Any], field: str) -> base.Causes:
    kind = metric.get("type")
    if not kind:
        return [status.required(f"{field}.type", "must specify a metric source type")]
    if kind not in SOURCES:
        return [status.not_supported(f"{field}.type", kind, tuple(SOURCES))]
    wanted = SOURCES[kind]
    causes: base.Causes = []
    source = metric.get(wanted)
    if source is None:
        causes.append(
            status.required(
                f"{field}.{wanted}", "must populate information for the given metric source"
            )
        )
    else:
        causes += _source_causes(wanted, source, f"{field}.{wanted}")
    causes += [
        status.forbidden_field(f"{field}.{other}", "must populate the given metric source only")
        for other in SOURCES.values()
        if other != wanted and metric.get(other) is not None
    ]
    return causes


def _source_causes(kind: str, source: Mapping[str, Any], field: str) -> base.Causes:
    target = source.get("target") or {}
    causes: base.Causes = []
    if kind in ("resource", "containerResource"):
        if not source.get("name"):
            causes.append(status.required(f"{field}.name", "must specify a resource name"))
        if kind == "containerResource" and not source.get("container"):
            causes.append(status.required(f"{field}.container", "must specify a container"))
        return causes + _resource_target_causes(target, f"{field}.target")
    if kind == "object":
        described = source.get("describedObject") or {}
        for part in ("kind", "name"):
            if not described.get(part):
                causes.append(status.required(f"{field}.describedObject.{part}"))
    if not (source.get("metric") or {}).get("name"):
        causes.append(status.required(f"{field}.metric.name", "must specify a metric name"))
    causes += _target_causes(target, f"{field}.target")
    if target.get("averageValue") is None and (kind == "pods" or target.get("value") is None):
        causes.append(
            status.required(
                f"{field}.target.averageValue",
                "must specify a positive target averageValue"
                if kind == "pods"
                else "must set either a target value for metric or a per-pod target",
            )
        )
    return causes


def _resource_target_causes(target: Mapping[str, Any], field: str) -> base.Causes:
    causes = _target_causes(target, field)
    has_percent = target.get("averageUtilization") is not None
    has_value = target.get("averageValue") is not None
    if not has_percent and not has_value:
        causes.append(
            status.required(
                f"{field}.averageUtilization",
                "must set either a target raw value or a target utilization",
            )
        )
    if has_percent and has_value:
        causes.append(
            status.forbidden_field(
                f"{field}.averageValue",
                "may not set both a target raw value and a target utilization",
            )
        )
    return causes


def _target_causes(target: Mapping[str, Any], field: str) -> base.Causes:
    causes: base.Causes = []
    kind = target.get("type")
    if not kind:
        causes.append(status.required(f"{field}.type", "must specify a metric target type"))
    elif kind not in TARGETS:
        causes.append(
            status.invalid_value(
                f"{field}.type", kind, "must be either Utilization, Value, or AverageValue"
            )
        )
    for part in ("value", "averageValue"):
        value = target.get(part)
        if value is not None and quantity.parse(value) <= 0:
            causes.append(status.invalid_value(f"{field}.{part}", value, "must be positive"))
    percent = target.get("averageUtilization")
    if percent is not None and percent < 1:
        causes.append(
            status.invalid_value(f"{field}.averageUtilization", percent, "must be greater than 0")
        )
    return causes


def _rules_causes(rules: Mapping[str, Any], field: str) -> base.Causes:
    causes: base.Causes = []
    window = rules.get("stabilizationWindowSeconds")
    if window is not None:
        causes += _range_causes(
            f"{field}.stabilizationWindowSeconds", window, 0, MAX_WINDOW_SECONDS
        )
    selection = rules.get("selectPolicy")
    if selection not in SELECTIONS:
        causes.append(status.not_supported(f"{field}.selectPolicy", selection, SELECTIONS))
    if not rules.get("policies"):
        causes.append(status.required(f"{field}.policies", "must specify at least one Policy"))
    for index, policy in enumerate(rules.get("policies") or ()):
        place = f"{field}.policies[{index}]"
        if policy.get("type") not in POLICIES:
            causes.append(status.not_supported(f"{place}.type", policy.get("type") or "", POLICIES))
        value = policy.get("value") or 0
        if value < 1:
            causes.append(
                status.invalid_value(f"{place}.value", value, "must be greater than zero")
            )
        causes += _range_causes(
            f"{place}.periodSeconds", policy.get("periodSeconds") or 0, 1, MAX_PERIOD_SECONDS
        )
    tolerance = rules.get("tolerance")
    if tolerance is not None and quantity.parse(tolerance) < 0:
        causes.append(
            status.invalid_value(
                f"{field}.tolerance", tolerance, "must be greater than or equal to 0"
            )
        )
    return causes


def _range_causes(field: str, value: int, least: int, most: int) -> base.Causes:
    if value < least:
        why = "must be greater than zero" if least else "must be greater than or equal to zero"
        return [status.invalid_value(field, value, why)]
    if value > most:
        return [status.invalid_value(field, value, f"must be less than or equal to {most}")]
    return []
