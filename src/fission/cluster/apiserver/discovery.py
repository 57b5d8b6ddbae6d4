"""Discovery documents, plain and aggregated. Pure functions of the kinds that are served."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from fission.cluster.apiserver import hooks, kinds
from fission.meta import gvk

Object = dict[str, Any]

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
GROUP_ORDER = (
    "apiextensions.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "admissionregistration.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
)

_SUBRESOURCE_VERBS = {"finalize": ("update",)}
_VIRTUALS = {
    ("authentication.k8s.io", "tokenreviews"): gvk.TOKENREVIEWS,
    ("authentication.k8s.io", "selfsubjectreviews"): gvk.SELFSUBJECTREVIEWS,
    ("authorization.k8s.io", "subjectaccessreviews"): gvk.SUBJECTACCESSREVIEWS,
    ("authorization.k8s.io", "localsubjectaccessreviews"): gvk.LOCALSUBJECTACCESSREVIEWS,
    ("authorization.k8s.io", "selfsubjectaccessreviews"): gvk.SELFSUBJECTACCESSREVIEWS,
    ("authorization.k8s.io", "selfsubjectrulesreviews"): gvk.SELFSUBJECTRULESREVIEWS,
}


def _computed(resource: gvk.Resource) -> Object:
    return {
        "resource": resource.plural,
        "responseKind": _kind(resource.group, resource.version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": "",
        "verbs": ["get", "list"],
    }


def virtual_resource(group: str, plural: str) -> gvk.Resource | None:
    """The resource of a create-only kind such as TokenReview."""
    return _VIRTUALS.get((group, plural))


class Discovery:
    """Builds the documents; remembers them until the custom resources change."""

    def __init__(self, served: kinds.Kinds, parts: hooks.Hooks) -> None:
        self._kinds = served
        self._hooks = parts
        self._generation = -1
        self._groups: dict[str, dict[str, list[Object]]] = {}

    def _tree(self) -> dict[str, dict[str, list[Object]]]:
        """group → version → resources (aggregated form)."""
        if self._generation != self._kinds.generation or not self._groups:
            self._generation = self._kinds.generation
            tree: dict[str, dict[str, list[Object]]] = {"": {}}
            tree |= {group: {} for group in GROUP_ORDER}
            for kind in self._kinds.all():
                resource = kind.resource
                versions = tree.setdefault(resource.group, {})
                versions.setdefault(resource.version, []).append(self._resource(kind))
            for source in self._hooks.computed:
                versions = tree.setdefault(source.resource.group, {})
                versions.setdefault(source.resource.version, []).append(_computed(source.resource))
            for group, plural in self._hooks.virtual_creates:
                found = virtual_resource(group, plural)
                if found is not None:
                    versions = tree.setdefault(group, {})
                    versions.setdefault(found.version, []).append(_virtual(found))
            for versions in tree.values():
                for entries in versions.values():
                    entries.sort(key=lambda entry: str(entry["resource"]))
            self._groups = {group: versions for group, versions in tree.items() if versions}
        return self._groups

    def _resource(self, kind: kinds.Kind) -> Object:
        resource = kind.resource
        entry: Object = {
            "resource": resource.plural,
            "responseKind": _kind(resource.group, resource.version, resource.kind),
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "singularResource": resource.singular or resource.kind.lower(),
            "verbs": list(kind.verbs),
        }
        if resource.short_names:
            entry["shortNames"] = list(resource.short_names)
        if kind.categories:
            entry["categories"] = list(kind.categories)
        subresources = list(self._subresources(kind))
        if kind.custom is None:
            subresources.sort(key=lambda item: str(item["subresource"]))
        if subresources:
            entry["subresources"] = subresources
        return entry

    def _subresources(self, kind: kinds.Kind) -> Iterable[Object]:
        resource = kind.resource
        for name in resource.subresources:
            shown = _kind(resource.group, resource.version, resource.kind)
            if name == "scale":
                shown = _kind("autoscaling", "v1", "Scale")
            yield _subresource(
                name, shown, _SUBRESOURCE_VERBS.get(name, ("get", "patch", "update"))
            )
        if resource is gvk.PODS:
            yield _subresource("binding", _kind("", "v1", "Binding"), ("create",))
            yield _subresource("eviction", _kind("policy", "v1", "Eviction"), ("create",))
        for (group, plural), _ in self._hooks.virtual_creates.items():
            parent, _, name = plural.partition("/")
            if group == resource.group and parent == resource.plural and name == "token":
                shown = _kind("authentication.k8s.io", "v1", "TokenRequest")
                yield _subresource(name, shown, ("create",))
        if resource.group == "":
            for path in self._hooks.streams:
                parent, _, name = path.partition("/")
                if parent == resource.plural:
                    shown = _kind("", "v1", resource.kind)
                    if name == "proxy":
                        shown = _kind("", "v1", f"{resource.kind}ProxyOptions")
                        verbs: tuple[str, ...] = ("create", "delete", "get", "patch", "update")
                    else:
                        verbs = ("get",)
                    yield _subresource(name, shown, verbs)

    # --- documents ---

    def aggregated(self, *, core: bool) -> tuple[Object, str]:
        """``/api`` or ``/apis`` as APIGroupDiscoveryList, and its ETag."""
        items = []
        for group, versions in self._tree().items():
            if (group == "") is not core:
                continue
            items.append(
                {
                    "metadata": {"name": group} if group else {},
                    "versions": [
                        {"version": version, "resources": resources, "freshness": "Current"}
                        for version, resources in _preferred(versions)
                    ],
                }
            )
        body = {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": "apidiscovery.k8s.io/v2",
            "metadata": {},
            "items": items,
        }
        return body, hashlib.sha256(repr(body).encode()).hexdigest().upper()

    def core_versions(self, address: str) -> Object:
        return {
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}],
        }

    def group_list(self) -> Object:
        return {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [_group(name, v) for name, v in self._tree().items() if name],
        }

    def group(self, name: str) -> Object | None:
        versions = self._tree().get(name)
        if not name or versions is None:
            return None
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)}

    def resource_list(self, group: str, version: str) -> Object | None:
        """``/api/v1``, ``/apis/<group>/<version>``: APIResourceList."""
        resources = self._tree().get(group, {}).get(version)
        if resources is None:
            return None
        entries: list[Object] = []
        for resource in resources:
            entries.append(_plain(resource, resource["resource"], group, version))
            for sub in resource.get("subresources", ()):
                name = f"{resource['resource']}/{sub['subresource']}"
                merged = {**sub, "scope": resource["scope"], "singularResource": ""}
                entries.append(_plain(merged, name, group, version))
        return {
            "kind": "APIResourceList",
            **({"apiVersion": "v1"} if group else {}),
            "groupVersion": gvk.api_version_of(group, version),
            "resources": entries,
        }


def _kind(group: str, version: str, kind: str) -> Object:
    return {"group": group, "version": version, "kind": kind}


def _subresource(name: str, kind: Object, verbs: Iterable[str]) -> Object:
    return {"subresource": name, "responseKind": kind, "verbs": list(verbs)}


def _virtual(resource: gvk.Resource) -> Object:
    return {
        "resource": resource.plural,
        "responseKind": _kind(resource.group, resource.version, resource.kind),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.kind.lower(),
        "verbs": ["create"],
    }


def _version_order(version: str) -> tuple[int, int, int]:
    """v2 before v1 before v1beta1 before v1alpha1."""
    digits = version.lstrip("v")
    for rank, word in ((2, "alpha"), (1, "beta")):
        if word in digits:
            major, _, minor = digits.partition(word)
            return rank, -int(major or 0), -int(minor or 0)
    return (0, -int(digits), 0) if digits.isdigit() else (3, 0, 0)


def _preferred(versions: Mapping[str, list[Object]]) -> list[tuple[str, list[Object]]]:
    return sorted(versions.items(), key=lambda item: _version_order(item[0]))


def _group(name: str, versions: Mapping[str, list[Object]]) -> Object:
    listed = [
        {"groupVersion": f"{name}/{version}", "version": version}
        for version, _ in _preferred(versions)
    ]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _plain(resource: Object, name: str, group: str, version: str) -> Object:
    shown = resource["responseKind"]
    entry: Object = {
        "name": name,
        "singularName": resource["singularResource"],
        "namespaced": resource["scope"] == "Namespaced",
    }
    if (shown["group"], shown["version"]) != (group, version):
        entry |= {"group": shown["group"], "version": shown["version"]}
    entry |= {"kind": shown["kind"], "verbs": resource["verbs"]}
    for key in ("shortNames", "categories"):
        if resource.get(key):
            entry[key] = resource[key]
    return entry
