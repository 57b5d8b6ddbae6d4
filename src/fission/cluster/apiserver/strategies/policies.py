"""ValidatingAdmissionPolicies and their bindings: refused where they would not be obeyed."""

from __future__ import annotations

from fission.cluster.apiserver.policies import definition
from fission.cluster.apiserver.strategies import base


class Policies(base.Strategy):
    has_status = True
    has_generation = True

    def default(self, obj: base.Object) -> None:
        spec = base.child(obj, "spec")
        base.setdefaults(spec, {"failurePolicy": "Fail"})
        _default_match(base.child(spec, "matchConstraints"))

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        return definition.policy_causes(obj)


class Bindings(base.Strategy):
    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        return definition.binding_causes(obj)


def _default_match(match: base.Object) -> None:
    base.setdefaults(match, {"matchPolicy": "Equivalent"})
    for selector in ("namespaceSelector", "objectSelector"):
        match.setdefault(selector, {})
    for rule in match.get("resourceRules") or ():
        base.setdefaults(rule, {"scope": "*"})
