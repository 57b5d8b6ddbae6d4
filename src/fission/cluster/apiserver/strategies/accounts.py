"""ServiceAccounts and RBAC objects."""

from __future__ import annotations

from fission.cluster.apiserver.strategies import base
from fission.meta import names, status

_RBAC = "rbac.authorization.k8s.io"


class ServiceAccounts(base.Strategy):
    delete_returns_object = True


class Roles(base.Strategy):
    """Roles and ClusterRoles."""

    def name_problems(self, name: str) -> list[str]:
        return names.path_segment_problems(name)

    def default(self, obj: base.Object) -> None:
        obj.setdefault("rules", None)

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        causes: base.Causes = []
        for position, rule in enumerate(obj.get("rules") or ()):
            path = f"rules[{position}]"
            if not rule.get("verbs"):
                causes.append(
                    status.required(f"{path}.verbs", "verbs must contain at least one value")
                )
            if rule.get("nonResourceURLs"):
                continue
            if not rule.get("apiGroups"):
                causes.append(
                    status.required(
                        f"{path}.apiGroups", "resource rules must supply at least one api group"
                    )
                )
            if not rule.get("resources"):
                causes.append(
                    status.required(
                        f"{path}.resources", "resource rules must supply at least one resource"
                    )
                )
        return causes


class Bindings(base.Strategy):
    """RoleBindings and ClusterRoleBindings."""

    def name_problems(self, name: str) -> list[str]:
        return names.path_segment_problems(name)

    def default(self, obj: base.Object) -> None:
        base.setdefaults(base.child(obj, "roleRef"), {"apiGroup": _RBAC})
        for subject in obj.get("subjects") or ():
            if subject.get("kind") in ("User", "Group"):
                base.setdefaults(subject, {"apiGroup": _RBAC})

    def validate(self, obj: base.Object, around: base.Surroundings) -> base.Causes:
        causes: base.Causes = []
        reference = obj["roleRef"]
        if reference.get("kind") not in ("Role", "ClusterRole"):
            causes.append(
                status.not_supported(
                    "roleRef.kind", reference.get("kind") or "", ["Role", "ClusterRole"]
                )
            )
        if not reference.get("name"):
            causes.append(status.required("roleRef.name"))
        for position, subject in enumerate(obj.get("subjects") or ()):
            path = f"subjects[{position}]"
            if not subject.get("name"):
                causes.append(status.required(f"{path}.name"))
            if subject.get("kind") not in ("ServiceAccount", "User", "Group"):
                causes.append(
                    status.not_supported(
                        f"{path}.kind", subject.get("kind"), ["ServiceAccount", "User", "Group"]
                    )
                )
            elif subject["kind"] == "ServiceAccount" and not subject.get("namespace"):
                causes.append(status.required(f"{path}.namespace"))
        return causes

    def validate_update(
        self, obj: base.Object, old: base.Object, around: base.Surroundings
    ) -> base.Causes:
        if obj["roleRef"] == old.get("roleRef"):
            return []
        return [status.invalid_value("roleRef", obj["roleRef"], "cannot change roleRef")]
