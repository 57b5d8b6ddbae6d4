"""OpenAPI v3: an index and one document per group version.

Clients read two things here: *may I send ``fieldValidation``* (a ``patch`` operation of the kind,
with that parameter), and the schemas, for ``kubectl explain``. Schemas of built-in kinds come from
the field tables, those of custom resources from their definitions.

Documents of built-in groups are made once, those of custom resources once per generation of the
registry; a hash of the content is part of each address, so clients cache for ever.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from fission.cluster.apiserver.crd import registry
from fission.cluster.apiserver.fields import tables
from fission.meta import gvk

_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_TYPES: dict[str, dict[str, Any]] = {
    "s": {"type": "string"},
    "y": {"type": "string", "format": "byte"},
    "i": {"type": "integer"},
    "d": {"type": "number"},
    "b": {"type": "boolean"},
    "t": {"type": "string", "format": "date-time"},
    "q": {"x-kubernetes-int-or-string": True},
    "o": {"x-kubernetes-int-or-string": True},
    "?": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
}
_METHODS = ("get", "put", "patch", "delete")


class OpenAPI:
    """Implements ``hooks.OpenAPI``."""

    def __init__(
        self, builtins: Callable[[], Sequence[gvk.Resource]], definitions: registry.Registry
    ) -> None:
        self._builtins = builtins
        self._definitions = definitions
        self._static: dict[str, bytes] = {}
        self._custom: dict[str, bytes] = {}
        self._custom_generation = -1

    def index(self) -> dict[str, Any]:
        paths = sorted(self._documents())
        return {
            "paths": {
                path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={self.hash_of(path)}"}
                for path in paths
            }
        }

    def document(self, path: str) -> bytes | None:
        return self._documents().get(path.strip("/"))

    def hash_of(self, path: str) -> str:
        return hashlib.sha256(self.document(path) or b"").hexdigest()[:32].upper()

    def _documents(self) -> Mapping[str, bytes]:
        if not self._static:
            groups: dict[str, list[gvk.Resource]] = {}
            for resource in self._builtins():
                groups.setdefault(resource.prefix.strip("/"), []).append(resource)
            self._static = {
                path: _encode(resources, _builtin_schemas(resources))
                for path, resources in groups.items()
            }
        if self._custom_generation != self._definitions.generation:
            self._custom_generation = self._definitions.generation
            self._custom = self._make_custom()
        return self._static | self._custom

    def _make_custom(self) -> dict[str, bytes]:
        groups: dict[str, list[gvk.Resource]] = {}
        for served in self._definitions.served():
            path = served.resource.prefix.strip("/")
            groups.setdefault(path, []).append(served.resource)
        return {
            path: _encode(resources, self._custom_schemas(resources))
            for path, resources in groups.items()
        }

    def _custom_schemas(self, resources: Sequence[gvk.Resource]) -> dict[str, Any]:
        schemas: dict[str, Any] = {}
        for resource in resources:
            raw = self._definitions.raw_schema(resource.group, resource.version, resource.plural)
            properties = dict((raw or {}).get("properties") or {}) | {
                "apiVersion": _TYPES["s"],
                "kind": _TYPES["s"],
                "metadata": _reference(_OBJECT_META),
            }
            schemas[schema_name(resource)] = (
                dict(raw or {"type": "object"})
                | {"properties": properties}
                | {"x-kubernetes-group-version-kind": [_group_version_kind(resource)]}
            )
        for name in _reachable(["meta_v1.ObjectMeta"]):
            schemas[_table_name(name)] = _table_schema(name)
        return schemas


def schema_name(resource: gvk.Resource) -> str:
    """``com.example.demo.v1.Widget``: the group reversed, as Kubernetes names them."""
    group = ".".join(reversed(resource.group.split("."))) if resource.group else "io.k8s.api.core"
    return f"{group}.{resource.version}.{resource.kind}"


def _encode(resources: Sequence[gvk.Resource], schemas: Mapping[str, Any]) -> bytes:
    paths: dict[str, Any] = {}
    for resource in resources:
        kind = _group_version_kind(resource)
        collection = resource.prefix
        if resource.namespaced:
            collection += "/namespaces/{namespace}"
        collection += f"/{resource.plural}"
        paths[collection] = {method: _operation(kind, method) for method in ("get", "post")}
        paths[f"{collection}/{{name}}"] = {m: _operation(kind, m) for m in _METHODS}
    document = {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "v1.36.0"},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    return orjson.dumps(document)


def _operation(kind: Mapping[str, str], method: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "x-kubernetes-group-version-kind": kind,
        "responses": {"200": {"description": "OK"}},
    }
    if method in ("patch", "put", "post"):
        names = ("dryRun", "fieldManager", "fieldValidation")
        operation["parameters"] = [
            {"name": name, "in": "query", "schema": {"type": "string"}} for name in names
        ]
    return operation


def _group_version_kind(resource: gvk.Resource) -> dict[str, str]:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _reference(name: str) -> dict[str, Any]:
    return {"allOf": [{"$ref": f"#/components/schemas/{name}"}], "default": {}}


def _builtin_schemas(resources: Sequence[gvk.Resource]) -> dict[str, Any]:
    roots = {}
    for resource in resources:
        root = tables.type_of_resource(resource)
        if root:
            roots[root] = resource
    schemas = {_table_name(name): _table_schema(name) for name in _reachable(list(roots))}
    for root, resource in roots.items():
        schemas[_table_name(root)]["x-kubernetes-group-version-kind"] = [
            _group_version_kind(resource)
        ]
    return schemas


def _reachable(roots: list[str]) -> Iterator[str]:
    seen: set[str] = set()
    queue = list(roots)
    while queue:
        name = queue.pop()
        if name in seen or name in _TYPES:
            continue
        seen.add(name)
        yield name
        queue += [field.type for field in tables.fields_of(name).values()]


def _table_name(name: str) -> str:
    """``core_v1.Pod`` → ``io.k8s.api.core.v1.Pod``."""
    module, _, kind = name.partition(".")
    group, _, version = module.rpartition("_")
    prefix = "io.k8s.apimachinery.pkg.apis" if group == "meta" else "io.k8s.api"
    return f"{prefix}.{group}.{version}.{kind}"


def _table_schema(name: str) -> dict[str, Any]:
    properties = {}
    for field_name, field in tables.fields_of(name).items():
        schema = _TYPES.get(field.type) or _reference(_table_name(field.type))
        if field.list:
            schema = {"type": "array", "items": schema}
        elif field.map:
            schema = {"type": "object", "additionalProperties": schema}
        properties[field_name] = schema
    return {"type": "object", "properties": properties}
