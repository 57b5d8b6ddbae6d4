"""Deployments and ReplicaSets."""

from __future__ import annotations

from typing import Any

from fission.cluster.apiserver.strategies import base, podspec
from fission.meta import labels, selectors, status


def default_template(spec: base.Object) -> None:
    template = base.child(spec, "template")
    metadata = base.child(template, "metadata")
    metadata.pop("creationTimestamp", None)
    podspec.default_spec(base.child(template, "spec"))


def validate_selector(spec: base.Object) -> base.Causes:
    selector = spec.get("selector")
    if not selector:
        return [
            status.required("spec.selector"),
            status.invalid_value(
                "spec.template.metadata.labels",
                labels.of(spec.get("template") or {}),
                "`selector` does not match template `labels`",
            ),
        ]
    try:
        parsed = selectors.LabelSelector.from_dict(selector)
    except (selectors.SelectorError, KeyError) as error:
        return [status.invalid_value("spec.selector", selector, str(error))]
    if not parsed:
        return [
            status.invalid_value("spec.selector", {}, "empty selector is invalid for deployment")
        ]
    found = labels.of(spec.get("template") or {})
    if parsed.matches(found):
        return []
    return [
        status.invalid_value(
            "spec.template.metadata.labels", found, "`selector` does not match template `labels`"
        )
    ]


def _validate_template(spec: base.Object) -> base.Causes:
    template = spec.get("template") or {}
    pod_spec = template.get("spec") or {}
    causes = podspec.validate_spec(pod_spec, "spec.template.spec")
    policy = pod_spec.get("restartPolicy")
    if policy in ("OnFailure", "Never"):
        causes.append(status.not_supported("spec.template.spec.restartPolicy", policy, ["Always"]))
    return causes


class ReplicaSets(base.Strategy):
    has_status = True
    has_generation = True

    def default(self, obj: base.Object) -> None:
        spec = base.child(obj, "spec")
        spec.setdefault("replicas", 1)
        default_template(spec)
        if "status" not in obj:
            obj["status"] = {"replicas": 0}

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        spec = obj["spec"]
        causes = base.not_negative("spec.replicas", spec.get("replicas"))
        causes += base.not_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
        return causes + validate_selector(spec) + _validate_template(spec)

    def validate_update(
        self, obj: base.Object, old: base.Object, around: base.Surroundings
    ) -> base.Causes:
        new, before = obj["spec"].get("selector"), old["spec"].get("selector")
        return base.immutable("spec.selector", new, before)


class Deployments(base.Strategy):
    has_status = True
    has_generation = True
    status_keeps_metadata = False

    def default(self, obj: base.Object) -> None:
        spec = base.child(obj, "spec")
        spec.setdefault("replicas", 1)
        default_template(spec)
        strategy = base.child(spec, "strategy")
        base.setdefaults(strategy, {"type": "RollingUpdate"})
        if strategy["type"] == "RollingUpdate":
            rolling = base.child(strategy, "rollingUpdate")
            rolling.setdefault("maxUnavailable", "25%")
            rolling.setdefault("maxSurge", "25%")
        spec.setdefault("revisionHistoryLimit", 10)
        spec.setdefault("progressDeadlineSeconds", 600)
        obj.setdefault("status", {})

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        spec = obj["spec"]
        causes: base.Causes = []
        for field in ("replicas", "minReadySeconds", "revisionHistoryLimit"):
            causes += base.not_negative(f"spec.{field}", spec.get(field))
        causes += validate_selector(spec) + _validate_template(spec)
        causes += _validate_strategy(spec["strategy"])
        deadline, ready = spec["progressDeadlineSeconds"], spec.get("minReadySeconds") or 0
        if deadline <= ready:
            causes.append(
                status.invalid_value(
                    "spec.progressDeadlineSeconds",
                    deadline,
                    "must be greater than minReadySeconds",
                )
            )
        return causes

    def validate_update(
        self, obj: base.Object, old: base.Object, around: base.Surroundings
    ) -> base.Causes:
        new, before = obj["spec"].get("selector"), old["spec"].get("selector")
        return base.immutable("spec.selector", new, before)

    def prepare_status(self, obj: base.Object, old: base.Object) -> None:
        """The revision annotation comes with the status; labels do not."""
        obj["metadata"]["labels"] = labels.of(old)

    def generation_changed(self, obj: base.Object, old: base.Object) -> bool:
        """Annotations count too: they reach the ReplicaSets."""
        return obj.get("spec") != old.get("spec") or labels.annotations_of(
            obj
        ) != labels.annotations_of(old)


def _validate_strategy(strategy: base.Object) -> base.Causes:
    path = "spec.strategy"
    if strategy["type"] not in ("Recreate", "RollingUpdate"):
        return [
            status.not_supported(f"{path}.type", strategy["type"], ["Recreate", "RollingUpdate"])
        ]
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == "Recreate":
        if rolling is None:
            return []
        return [
            status.forbidden_field(
                f"{path}.rollingUpdate",
                "may not be specified when strategy `type` is 'Recreate'",
            )
        ]
    assert rolling is not None, "defaulted for RollingUpdate"
    if _is_zero(rolling["maxUnavailable"]) and _is_zero(rolling["maxSurge"]):
        return [
            status.invalid_value(
                f"{path}.rollingUpdate.maxUnavailable",
                rolling["maxUnavailable"],
                "may not be 0 when `maxSurge` is 0",
            )
        ]
    return []


def _is_zero(value: Any) -> bool:
    return str(value).rstrip("%") in ("0", "")
