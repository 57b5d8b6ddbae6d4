"""The roles and bindings that every cluster has before anybody writes one.

``ensure`` creates what is missing and restores the rules of what this page owns (annotation
``autoupdate``), so that an upgrade brings its new rules along. ``admin``, ``edit`` and ``view``
also aggregate any ClusterRole with the label ``rbac.authorization.k8s.io/aggregate-to-<name>``:
that is how definitions outside of this cluster's own kinds join them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fission.cluster.apiserver import hooks
from fission.meta import gvk, status

_GROUP = "rbac.authorization.k8s.io"
_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_ANNOTATIONS = {"rbac.authorization.kubernetes.io/autoupdate": "true"}

_READ = ("get", "list", "watch")
_WRITE = ("create", "delete", "deletecollection", "patch", "update")
_ALL = (*_READ, *_WRITE)

_WORKLOADS = {
    "": (
        "configmaps",
        "endpoints",
        "events",
        "persistentvolumeclaims",
        "pods",
        "services",
    ),
    "apps": ("deployments", "deployments/scale", "replicasets", "replicasets/scale"),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "coordination.k8s.io": ("leases",),
    "discovery.k8s.io": ("endpointslices",),
    "events.k8s.io": ("events",),
    "networking.k8s.io": ("ingresses",),
}
_STATUSES = {
    "": ("namespaces/status", "persistentvolumeclaims/status", "pods/log", "pods/status"),
    "apps": ("deployments/status", "replicasets/status"),
    "autoscaling": ("horizontalpodautoscalers/status",),
    "networking.k8s.io": ("ingresses/status",),
}
_METRICS = {"metrics.k8s.io": ("pods", "nodes")}


def _rule(verbs: Sequence[str], group: str, resources: Sequence[str]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _paths(*paths: str) -> dict[str, Any]:
    return {"nonResourceURLs": list(paths), "verbs": ["get"]}


def _rules(verbs: Sequence[str], table: Mapping[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    return [_rule(verbs, group, resources) for group, resources in table.items()]


_VIEW = [
    *_rules(_READ, _WORKLOADS),
    *_rules(_READ, _STATUSES),
    *_rules(_READ, _METRICS),
    _rule(_READ, "", ("namespaces", "serviceaccounts")),
]
_EDIT = [
    *_rules(_ALL, _WORKLOADS),
    *_rules(_READ, _STATUSES),
    *_rules(_READ, _METRICS),
    _rule(_READ, "", ("namespaces",)),
    _rule(_ALL, "", ("secrets", "serviceaccounts")),
    _rule(("create",), "", ("serviceaccounts/token", "pods/eviction")),
    _rule(("get", "create"), "", ("pods/attach", "pods/exec", "pods/portforward")),
    _rule((*_ALL,), "", ("pods/proxy", "services/proxy")),
    _rule(("impersonate",), "", ("serviceaccounts",)),
]
_ADMIN = [
    *_EDIT,
    _rule(("create",), "authorization.k8s.io", ("localsubjectaccessreviews",)),
    _rule(_ALL, _GROUP, ("rolebindings", "roles")),
]

_CLUSTER_ROLES: dict[str, list[dict[str, Any]]] = {
    "cluster-admin": [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ],
    "admin": _ADMIN,
    "edit": _EDIT,
    "view": _VIEW,
    "system:discovery": [
        _paths(
            "/api",
            "/api/*",
            "/apis",
            "/apis/*",
            "/healthz",
            "/livez",
            "/openapi",
            "/openapi/*",
            "/readyz",
            "/version",
            "/version/",
        )
    ],
    "system:public-info-viewer": [
        _paths("/healthz", "/livez", "/readyz", "/version", "/version/"),
    ],
    "system:basic-user": [
        _rule(
            ("create",),
            "authorization.k8s.io",
            ("selfsubjectaccessreviews", "selfsubjectrulesreviews"),
        ),
        _rule(("create",), "authentication.k8s.io", ("selfsubjectreviews",)),
    ],
    "system:auth-delegator": [
        _rule(("create",), "authentication.k8s.io", ("tokenreviews",)),
        _rule(("create",), "authorization.k8s.io", ("subjectaccessreviews",)),
    ],
}
_AGGREGATED = ("admin", "edit", "view")

_BINDINGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "cluster-admin": ("cluster-admin", ("system:masters",)),
    "system:discovery": ("system:discovery", ("system:authenticated",)),
    "system:basic-user": ("system:basic-user", ("system:authenticated",)),
    "system:public-info-viewer": (
        "system:public-info-viewer",
        ("system:authenticated", "system:unauthenticated"),
    ),
}


def make_cluster_roles() -> list[hooks.Object]:
    """The ClusterRoles, as they are stored."""
    roles = []
    for name, rules in _CLUSTER_ROLES.items():
        role = _object(gvk.CLUSTERROLES, name) | {"rules": rules}
        if name in _AGGREGATED:
            label = f"rbac.authorization.k8s.io/aggregate-to-{name}"
            role["aggregationRule"] = {
                "clusterRoleSelectors": [{"matchLabels": {label: "true"}}],
            }
        roles.append(role)
    return roles


def make_cluster_role_bindings() -> list[hooks.Object]:
    """The ClusterRoleBindings, as they are stored."""
    return [
        _object(gvk.CLUSTERROLEBINDINGS, name)
        | {
            "subjects": [{"kind": "Group", "apiGroup": _GROUP, "name": g} for g in groups],
            "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": role},
        }
        for name, (role, groups) in _BINDINGS.items()
    ]


async def ensure(objects: hooks.Objects) -> None:
    """Create what is missing, restore what was changed."""
    for resource, wanted in (
        (gvk.CLUSTERROLES, make_cluster_roles()),
        (gvk.CLUSTERROLEBINDINGS, make_cluster_role_bindings()),
    ):
        for obj in wanted:
            await _ensure(objects, resource, obj)


async def _ensure(objects: hooks.Objects, resource: gvk.Resource, obj: hooks.Object) -> None:
    name = obj["metadata"]["name"]
    owned = {key: value for key, value in obj.items() if key in ("rules", "aggregationRule")}
    found = objects.get(resource, "", name)
    if found is None:
        try:
            await objects.create(resource, obj)
        except status.AlreadyExists:
            return
    elif _is_ours(found) and any(found.get(key) != value for key, value in owned.items()):
        await objects.mutate(resource, "", name, lambda current: current | owned)


def _is_ours(obj: hooks.Object) -> bool:
    annotations = obj["metadata"].get("annotations") or {}
    return all(annotations.get(key) == value for key, value in _ANNOTATIONS.items())


def _object(resource: gvk.Resource, name: str) -> hooks.Object:
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name, "labels": dict(_LABELS), "annotations": dict(_ANNOTATIONS)},
    }
