"""The two autoscaling APIs over one store: v2 is stored, v1 is converted. Pure.

What v1 has no field for stands in annotations, as upstream writes them, so that a v1 client that
reads and writes back loses nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Object = dict[str, Any]

METRICS = "autoscaling.alpha.kubernetes.io/metrics"
CURRENT = "autoscaling.alpha.kubernetes.io/current-metrics"
CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"
PERCENT = "targetCPUUtilizationPercentage"
CURRENT_PERCENT = "currentCPUUtilizationPercentage"
_STATUS_FIELDS = ("observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas")


def to_stored(given: Object) -> Object:
    """autoscaling/v1 → autoscaling/v2."""
    annotations = dict((given.get("metadata") or {}).get("annotations") or {})
    spec = dict(given.get("spec") or {})
    metrics = _parsed(annotations.pop(METRICS, None), [])
    current = _parsed(annotations.pop(CURRENT, None), [])
    conditions = _parsed(annotations.pop(CONDITIONS, None), [])
    behavior = _parsed(annotations.pop(BEHAVIOR, None), None)
    percent = spec.pop(PERCENT, None)
    if percent is not None:
        metrics = [_cpu("target", {"type": "Utilization", "averageUtilization": percent}), *metrics]
    if metrics:
        spec["metrics"] = metrics
    if behavior is not None:
        spec["behavior"] = behavior
    new = {**given, "apiVersion": "autoscaling/v2", "spec": spec}
    new["metadata"] = {**(given.get("metadata") or {}), "annotations": annotations}
    if not annotations:
        del new["metadata"]["annotations"]
    if given.get("status"):
        found = given["status"]
        if found.get(CURRENT_PERCENT) is not None:
            current = [_cpu("current", {"averageUtilization": found[CURRENT_PERCENT]}), *current]
        kept = {key: found[key] for key in _STATUS_FIELDS if key in found}
        new["status"] = {**kept, "currentMetrics": current or None}
        if conditions:
            new["status"]["conditions"] = conditions
    return new


def from_stored(stored: Object) -> Object:
    """autoscaling/v2 → autoscaling/v1."""
    annotations = dict((stored.get("metadata") or {}).get("annotations") or {})
    spec, found = dict(stored.get("spec") or {}), dict(stored.get("status") or {})
    percent, metrics = _split(spec.pop("metrics", None) or (), "target")
    seen, current = _split(found.get("currentMetrics") or (), "current")
    if percent is not None:
        spec[PERCENT] = percent
    for name, value in (
        (METRICS, metrics),
        (CURRENT, current),
        (CONDITIONS, found.get("conditions")),
        (BEHAVIOR, spec.pop("behavior", None)),
    ):
        if value:
            annotations[name] = json.dumps(value, separators=(",", ":"))
    shown: Object = {key: found[key] for key in _STATUS_FIELDS if key in found}
    shown = {"currentReplicas": 0, "desiredReplicas": 0, **shown}
    if seen is not None:
        shown[CURRENT_PERCENT] = seen
    meta = {**stored["metadata"], **({"annotations": annotations} if annotations else {})}
    return {
        **stored,
        "apiVersion": "autoscaling/v1",
        "metadata": meta,
        "spec": spec,
        "status": shown,
    }


def _cpu(part: str, value: Object) -> Object:
    return {"type": "Resource", "resource": {"name": "cpu", part: value}}


def _split(metrics: Any, part: str) -> tuple[int | None, list[Object]]:
    """The processor's utilization, which v1 has a field for, and all others."""
    percent, others = None, []
    for metric in metrics:
        found = _percent(metric, part)
        if found is not None and percent is None:
            percent = found
        else:
            others.append(metric)
    return percent, others


def _percent(metric: Mapping[str, Any], part: str) -> int | None:
    source = metric.get("resource") or {}
    if metric.get("type") != "Resource" or source.get("name") != "cpu":
        return None
    found: int | None = (source.get(part) or {}).get("averageUtilization")
    return found


def _parsed(text: str | None, default: Any) -> Any:
    """An annotation's JSON; one that is none was not written by us and says nothing."""
    if text is None:
        return default
    try:
        return json.loads(text)
    except ValueError:
        return default
